"""Sign in to the page with the API token, and sign out."""

from aiohttp import web

from sidecar.web.auth import is_token
from sidecar.web.form import read_form
from sidecar.web.form_texts import form_text
from sidecar.web.page_services import PageHandler, PageServices, if_page_is_on
from sidecar.web.plain_page import form, paragraph, password_input, plain_page
from sidecar.web.refusal_page import with_refusal_page
from sidecar.web.request_origin import is_https, refuse_other_site
from sidecar.web.response import RequestRefused, html_response, see_other
from sidecar.web.services import ApiServices
from sidecar.web.session import COOKIE, SESSION_S


class SignInRoutes:
    """GET and POST /login, POST /logout."""

    def __init__(self, services: ApiServices, page: PageServices) -> None:
        self._token = services.token
        self._page = page

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [
            web.get("/login", self._if_on(self._show)),
            web.post("/login", self._if_on(self._sign_in)),
            web.post("/logout", self._if_on(self._sign_out)),
        ]

    def _if_on(self, handler: PageHandler) -> PageHandler:
        return if_page_is_on(self._page, with_refusal_page(self._page, handler))

    async def _show(self, request: web.Request) -> web.Response:
        key = "sign_in.text" if self._token else "sign_in.disabled"
        return self._sign_in_page(request, key, 200 if self._token else 403)

    async def _sign_in(self, request: web.Request) -> web.Response:
        refuse_other_site(request)
        if not self._token:
            return self._sign_in_page(request, "sign_in.disabled", 403)
        fields = await read_form(request)
        address = request.remote or ""
        self._page.sign_in_limit.check(address)
        if not is_token(fields.get("token", "").strip(), self._token):
            await self._page.sign_in_limit.slow_down(address)
            return self._sign_in_page(request, "sign_in.wrong", 401)
        self._page.sessions.close(request)
        response = see_other(fields.get("next", ""))
        response.set_cookie(
            COOKIE,
            self._page.sessions.open(),
            max_age=int(SESSION_S),
            path="/",
            httponly=True,
            secure=is_https(request),
            samesite="Strict",
        )
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        fields = await read_form(request)
        refuse_forged(request, self._page, fields)
        self._page.sessions.close(request)
        response = see_other("/")
        response.del_cookie(
            COOKIE,
            path="/",
            httponly=True,
            secure=is_https(request),
            samesite="Strict",
        )
        return response

    def _sign_in_page(
        self, request: web.Request, key: str, status: int
    ) -> web.Response:
        language = self._page.language_of(request)
        parts = [paragraph(form_text(language, key))]
        if self._token:
            label = form_text(language, "sign_in.token")
            button = form_text(language, "sign_in.button")
            action = f"/login?lang={language}"
            parts.append(form(action, {}, password_input("token", label), button))
        title = form_text(language, "sign_in.title")
        return html_response(plain_page(language, title, parts), status)


def refuse_forged(
    request: web.Request, page: PageServices, fields: dict[str, str]
) -> None:
    """RequestRefused where an order is not from the page of an operator."""
    refuse_other_site(request)
    viewer = page.sessions.viewer_of(request)
    if not viewer.is_operator:
        raise RequestRefused(
            401, "this needs an operator: sign in at /login; a session lasts 12 hours"
        )
    if not viewer.has_sent(request.headers.get("csrf", fields.get("csrf", ""))):
        raise RequestRefused(
            403,
            "the field csrf is missing or wrong: load the page again and repeat the "
            "order",
        )
