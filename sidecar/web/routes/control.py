"""The API's endpoints that change something, for authorised requests only."""

from typing import TypeVar

import msgspec
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
from sidecar.core.model.event import (
    Event,
    PauseRequested,
    PlannedRestartCancelled,
    RecoverRequested,
    ReleaseRequested,
    RestartRequested,
    ResumeRequested,
)
from sidecar.web.auth import Handler, require_authorisation
from sidecar.web.duration_param import parse_duration_param
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.target_names import find_instance_name, find_target_name
from sidecar.web.views import health, history, status

_OBJECTIONS = frozenset({Action.HOLD, Action.PAGE, Action.SKIP})


_Body = TypeVar("_Body", bound=msgspec.Struct)


class ControlRoutes:
    """POST /api/v1/..., and the evidence, which shows a target's log."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

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
        body = await _read_body(request, RestartBody)
        name = self._instance(request)
        event = RestartRequested(self._services.clock.now(), name, body.now)
        decision = await self._services.ask(event)
        if decision is None:
            raise RequestRefused(
                503, "nothing was decided; look at the status and try again"
            )
        return _answer_decision(decision)

    async def _recover(self, request: web.Request) -> web.Response:
        await _read_body(request, EmptyBody)
        target = self._target(request)
        return await self._submit(RecoverRequested(self._services.clock.now(), target))

    async def _release(self, request: web.Request) -> web.Response:
        await _read_body(request, EmptyBody)
        name = self._instance(request)
        instance = health.instance_named(self._services.state(), name)
        if instance is None or not (instance.remedy or instance.loading):
            raise RequestRefused(409, f"no remedy of {name} is under way")
        return await self._submit(ReleaseRequested(self._services.clock.now(), name))

    # --- pauses

    async def _pause(self, request: web.Request) -> web.Response:
        body = await _read_body(request, PauseBody)
        now = self._services.clock.now()
        until = None
        if body.duration is not None:
            until = now.wall + parse_duration_param(
                self._services, "for", body.duration
            )
        return await self._submit(PauseRequested(now, self._targets(request), until))

    async def _resume(self, request: web.Request) -> web.Response:
        await _read_body(request, EmptyBody)
        now = self._services.clock.now()
        return await self._submit(ResumeRequested(now, self._targets(request)))

    # --- settings

    async def _reload(self, request: web.Request) -> web.Response:
        await _read_body(request, EmptyBody)
        faults = await self._services.reload()
        if faults:
            text = "\n".join(("what is in force stays, the file has faults:", *faults))
            return json_response(ReloadFaults(error=text, faults=faults), 409)
        return json_response(ReloadAnswer(reloaded=True))

    # --- planned restarts

    async def _skip(self, request: web.Request) -> web.Response:
        await _read_body(request, EmptyBody)
        target = self._target(request)
        skipped = self._services.schedule.skip_next(target)
        if skipped is None:
            raise RequestRefused(409, f"{target} has no planned restarts")
        return json_response(SkipAnswer(skipped=status.planned_restart(skipped)))

    async def _cancel(self, request: web.Request) -> web.Response:
        await _read_body(request, EmptyBody)
        target = self._target(request)
        state = self._services.state()
        is_begun = state.plan is not None and state.plan.target == target
        if not is_begun and target not in state.due:
            raise RequestRefused(
                409,
                f"no planned restart of {target} is under way; "
                "skip leaves out the next one",
            )
        return await self._submit(
            PlannedRestartCancelled(self._services.clock.now(), target)
        )

    # --- evidence

    async def _evidence(self, request: web.Request) -> web.Response:
        name = self._instance(request)
        bundle = self._services.evidence(name)
        if bundle is None:
            raise RequestRefused(404, f"nothing was gathered about {name} yet")
        return json_response(history.evidence(bundle))

    # --- targets and instances of the path

    async def _submit(self, event: Event) -> web.Response:
        return json_response(status.decision(await self._services.ask(event)))

    def _targets(self, request: web.Request) -> tuple[str, ...]:
        if "target" not in request.match_info:
            return tuple(self._services.state().targets)
        return (self._target(request),)

    def _target(self, request: web.Request) -> str:
        """A target's name, given by its own or an instance's name."""
        return find_target_name(self._services.state(), request.match_info["target"])

    def _instance(self, request: web.Request) -> str:
        """An instance's name; with one replica it is the target's own name."""
        return find_instance_name(self._services.state(), request.match_info["target"])


async def _read_body(request: web.Request, kind: type[_Body]) -> _Body:
    raw = await request.read()
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise RequestRefused(400, f"the body cannot be used: {fault}") from fault


def _answer_decision(decision: Decision) -> web.Response:
    if decision.action in _OBJECTIONS:
        return json_response(status.objection(decision), 409)
    return json_response(status.decision(decision), 202)
