"""The API's endpoints that change something, for authorised requests only."""

from aiohttp import web

from sidecar.api_types.control import (
    EmptyBody,
    PauseBody,
    ReloadAnswer,
    RestartBody,
    SkipAnswer,
)
from sidecar.api_types.health import ReloadFaults
from sidecar.core.model.decision import Action, Decision
from sidecar.web import late_modules
from sidecar.web.auth import Handler, require_authorisation
from sidecar.web.controls import Controls, RestartOrder
from sidecar.web.request_body import read_body
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.views import status

_OBJECTIONS = frozenset({Action.HOLD, Action.PAGE, Action.SKIP})


class ControlRoutes:
    """POST /api/v1/..., and the evidence, which shows a target's log."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._controls = Controls(services)

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        target_path = "/api/v1/targets/{target}"
        return [
            web.post(f"{target_path}/restart", self._when_authorised(self._restart)),
            web.post(f"{target_path}/pause", self._when_authorised(self._pause)),
            web.post(f"{target_path}/resume", self._when_authorised(self._resume)),
            web.post(f"{target_path}/recover", self._when_authorised(self._recover)),
            web.post(f"{target_path}/release", self._when_authorised(self._release)),
            web.post(f"{target_path}/schedule/skip", self._when_authorised(self._skip)),
            web.post(
                f"{target_path}/schedule/cancel", self._when_authorised(self._cancel)
            ),
            web.get(f"{target_path}/evidence", self._when_authorised(self._evidence)),
            web.post("/api/v1/pause", self._when_authorised(self._pause)),
            web.post("/api/v1/resume", self._when_authorised(self._resume)),
            web.post("/api/v1/reload", self._when_authorised(self._reload)),
        ]

    def _when_authorised(self, handler: Handler) -> Handler:
        return require_authorisation(self._services.token, handler)

    # --- remedies

    async def _restart(self, request: web.Request) -> web.Response:
        body = await read_body(request, RestartBody)
        order = await self._controls.restart(_name(request), now=body.now)
        return restart_response(order)

    async def _recover(self, request: web.Request) -> web.Response:
        await read_body(request, EmptyBody)
        return order_response(await self._controls.recover(_name(request)))

    async def _release(self, request: web.Request) -> web.Response:
        await read_body(request, EmptyBody)
        return order_response(await self._controls.release(_name(request)))

    # --- pauses

    async def _pause(self, request: web.Request) -> web.Response:
        body = await read_body(request, PauseBody)
        name = request.match_info.get("target")
        return order_response(await self._controls.pause(name, body.duration))

    async def _resume(self, request: web.Request) -> web.Response:
        await read_body(request, EmptyBody)
        name = request.match_info.get("target")
        return order_response(await self._controls.resume(name))

    # --- settings

    async def _reload(self, request: web.Request) -> web.Response:
        await read_body(request, EmptyBody)
        faults = await self._services.reload()
        if faults:
            text = "\n".join(("what is in force stays, the file has faults:", *faults))
            return json_response(ReloadFaults(error=text, faults=faults), 409)
        return json_response(ReloadAnswer(reloaded=True))

    # --- planned restarts

    async def _skip(self, request: web.Request) -> web.Response:
        await read_body(request, EmptyBody)
        return skip_response(self._controls, _name(request))

    async def _cancel(self, request: web.Request) -> web.Response:
        await read_body(request, EmptyBody)
        return order_response(await self._controls.cancel(_name(request)))

    # --- evidence

    async def _evidence(self, request: web.Request) -> web.Response:
        name = self._controls.find_instance(_name(request)).name
        bundle = self._services.evidence(name)
        if bundle is None:
            raise RequestRefused(404, f"nothing was gathered about {name} yet")
        await late_modules.load(late_modules.HISTORY_VIEWS)
        from sidecar.web.views import history  # noqa: PLC0415 - loaded late

        return json_response(history.evidence(bundle))


def _name(request: web.Request) -> str:
    return request.match_info["target"]


def order_response(decision: Decision | None) -> web.Response:
    """The answer to an order that was given."""
    return json_response(status.decision(decision))


def skip_response(controls: Controls, name: str) -> web.Response:
    """Skip the next planned restart of a target, and say which one that was."""
    skipped = status.planned_restart(controls.skip(name))
    return json_response(SkipAnswer(skipped=skipped))


def restart_response(order: RestartOrder) -> web.Response:
    """The answer to a request for a restart; 409 where a guard objects."""
    if order.decision.action in _OBJECTIONS:
        return json_response(status.objection(order.decision), 409)
    return json_response(status.restart(order.decision, order.replicas), 202)
