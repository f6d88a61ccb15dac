"""Orders from the page: the same functions as those of the API's control endpoints."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from sidecar.api_types.page import RestartObjection, RestartQuestion
from sidecar.core.model.instance import Instance
from sidecar.core.policy.decide import objections_to_operator
from sidecar.web.controls import Controls
from sidecar.web.form import read_form
from sidecar.web.form_texts import form_text
from sidecar.web.page_services import PageHandler, PageServices, if_page_is_on
from sidecar.web.plain_page import bullet_list, form, paragraph, plain_page
from sidecar.web.refusal_page import refusal_page, wants_json, with_refusal_page
from sidecar.web.response import (
    RequestRefused,
    html_response,
    json_response,
    see_other,
)
from sidecar.web.routes.control import (
    order_response,
    restart_response,
    skip_response,
)
from sidecar.web.routes.sign_in import refuse_forged
from sidecar.web.services import ApiServices

_ORDERED_BY = "page"

Fields = dict[str, str]
Order = Callable[[web.Request, Fields], Awaitable[web.Response]]


class PageOrderRoutes:
    """POST /page/act/...: the answer of the API in JSON, or a redirect to the page."""

    def __init__(self, services: ApiServices, page: PageServices) -> None:
        self._services = services
        self._page = page
        self._controls = Controls(services)

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        orders: dict[str, Order] = {
            "ack": self._ack,
            "restart": self._restart,
            "pause": self._pause,
            "resume": self._resume,
            "recover": self._recover,
            "skip": self._skip,
        }
        return [
            web.post(f"/page/act/{name}", self._handler(order))
            for name, order in orders.items()
        ]

    def _handler(self, order: Order) -> PageHandler:
        async def handle(request: web.Request) -> web.StreamResponse:
            fields = await read_form(request)
            refuse_forged(request, self._page, fields)
            answer = await order(request, fields)
            if wants_json(request) or answer.content_type == "text/html":
                return answer
            return see_other(fields.get("next", ""))

        return if_page_is_on(self._page, with_refusal_page(self._page, handle))

    # --- orders

    async def _ack(self, _: web.Request, fields: Fields) -> web.Response:
        incident_id = _field(fields, "incident")
        return json_response(await self._controls.acknowledge(incident_id, _ORDERED_BY))

    async def _restart(self, request: web.Request, fields: Fields) -> web.Response:
        name = _field(fields, "target")
        if fields.get("confirm") != "1":
            instance = self._controls.find_instance(name)
            return await self._confirm_restart(request, instance)
        order = await self._controls.restart(name)
        answer = restart_response(order)
        if answer.status == HTTPStatus.CONFLICT and not wants_json(request):
            language = self._page.language_of(request)
            texts = await self._page.loader.texts(language)
            return refusal_page(
                language, answer.status, texts.reason(order.decision.reason)
            )
        return answer

    async def _pause(self, _: web.Request, fields: Fields) -> web.Response:
        name, duration = _field(fields, "target"), fields.get("for") or None
        return order_response(await self._controls.pause(name, duration))

    async def _resume(self, _: web.Request, fields: Fields) -> web.Response:
        return order_response(await self._controls.resume(_field(fields, "target")))

    async def _recover(self, _: web.Request, fields: Fields) -> web.Response:
        return order_response(await self._controls.recover(_field(fields, "target")))

    async def _skip(self, _: web.Request, fields: Fields) -> web.Response:
        return skip_response(self._controls, _field(fields, "target"))

    # --- confirmation of a restart

    async def _confirm_restart(
        self, request: web.Request, instance: Instance
    ) -> web.Response:
        """Name the guards that would object, before anything is asked for."""
        now = self._services.clock.now()
        objections = objections_to_operator(self._services.state(), instance.id, now)
        language = self._page.language_of(request)
        texts = await self._page.loader.texts(language)
        sentences = [f"{guard}: {texts.reason(reason)}" for guard, reason in objections]
        parts = self._confirmation(request, language, instance.name, sentences)
        if not wants_json(request):
            title = form_text(language, "restart.title", target=instance.name)
            return html_response(plain_page(language, title, parts))
        return json_response(
            RestartQuestion(
                confirm=True,
                target=instance.name,
                objections=tuple(
                    RestartObjection(guard, str(reason), reason.code)
                    for guard, reason in objections
                ),
                html="\n".join(parts),
            )
        )

    def _confirmation(
        self, request: web.Request, language: str, name: str, sentences: list[str]
    ) -> list[str]:
        viewer = self._page.sessions.viewer_of(request)
        key = "restart.objections" if sentences else "restart.free"
        fields = {"target": name, "confirm": "1", "csrf": viewer.csrf_token}
        action = f"/page/act/restart?lang={language}"
        button = form_text(language, "restart.button", target=name)
        objections = [bullet_list(sentences)] if sentences else []
        return [
            paragraph(form_text(language, key)),
            *objections,
            form(action, fields, "", button),
        ]


def _field(fields: Fields, name: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise RequestRefused(400, f"the field {name} is missing")
    return value
