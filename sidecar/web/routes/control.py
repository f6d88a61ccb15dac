"""The API's acting half: everything here needs the token."""

from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

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
from sidecar.web.auth import Handler, require_token
from sidecar.web.duration_param import parse_duration_param
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices
from sidecar.web.views import health, status

_OBJECTIONS = frozenset({Action.HOLD, Action.PAGE, Action.SKIP})
_NAMES_SHOWN = 10


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No body, or an empty object."""


class _Restart(msgspec.Struct, forbid_unknown_fields=True):
    now: bool = False


class _Pause(msgspec.Struct, forbid_unknown_fields=True):
    duration: Annotated[str, msgspec.Meta(max_length=20)] | None = msgspec.field(
        default=None, name="for"
    )


_Body = TypeVar("_Body", bound=msgspec.Struct)


class ControlRoutes:
    """POST /api/v1/..., and the evidence, which shows a target's log."""

    def __init__(self, desk: ApiServices) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """Where each is found."""
        one = "/api/v1/targets/{target}"
        return [
            web.post(f"{one}/restart", self._guarded(self._restart)),
            web.post(f"{one}/pause", self._guarded(self._pause)),
            web.post(f"{one}/resume", self._guarded(self._resume)),
            web.post(f"{one}/recover", self._guarded(self._recover)),
            web.post(f"{one}/release", self._guarded(self._release)),
            web.post(f"{one}/schedule/skip", self._guarded(self._skip)),
            web.post(f"{one}/schedule/cancel", self._guarded(self._cancel)),
            web.get(f"{one}/evidence", self._guarded(self._evidence)),
            web.post("/api/v1/pause", self._guarded(self._pause)),
            web.post("/api/v1/resume", self._guarded(self._resume)),
            web.post("/api/v1/reload", self._guarded(self._reload)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        return require_token(self._desk.token, handler)

    # --- remedies

    async def _restart(self, request: web.Request) -> web.Response:
        body = await _read_body(request, _Restart)
        name = self._instance(request)
        event = RestartRequested(self._desk.clock.now(), name, body.now)
        made = await self._desk.ask(event)
        if made is None:
            raise RequestRefused(
                503, "nothing was decided; look at the status and try again"
            )
        return _answer_decision(made)

    async def _recover(self, request: web.Request) -> web.Response:
        await _read_body(request, _Nothing)
        target = self._target(request)
        return await self._asked(RecoverRequested(self._desk.clock.now(), target))

    async def _release(self, request: web.Request) -> web.Response:
        await _read_body(request, _Nothing)
        name = self._instance(request)
        instance = health.instance_named(self._desk.state(), name)
        if instance is None or not (instance.remedy or instance.loading):
            raise RequestRefused(409, f"no remedy of {name} is under way")
        return await self._asked(ReleaseRequested(self._desk.clock.now(), name))

    # --- pauses

    async def _pause(self, request: web.Request) -> web.Response:
        body = await _read_body(request, _Pause)
        now = self._desk.clock.now()
        until = None
        if body.duration is not None:
            until = now.wall + parse_duration_param(self._desk, "for", body.duration)
        return await self._asked(PauseRequested(now, self._targets(request), until))

    async def _resume(self, request: web.Request) -> web.Response:
        await _read_body(request, _Nothing)
        now = self._desk.clock.now()
        return await self._asked(ResumeRequested(now, self._targets(request)))

    # --- settings

    async def _reload(self, request: web.Request) -> web.Response:
        await _read_body(request, _Nothing)
        faults = await self._desk.reload()
        if faults:
            said = "\n".join(("what is in force stays, the file has faults:", *faults))
            return json_response({"error": said, "faults": faults}, 409)
        return json_response({"reloaded": True})

    # --- planned restarts

    async def _skip(self, request: web.Request) -> web.Response:
        await _read_body(request, _Nothing)
        target = self._target(request)
        skipped = self._desk.schedule.skip_next(target)
        if skipped is None:
            raise RequestRefused(409, f"{target} has no planned restarts")
        return json_response({"skipped": status.planned_restart(skipped)})

    async def _cancel(self, request: web.Request) -> web.Response:
        await _read_body(request, _Nothing)
        target = self._target(request)
        state = self._desk.state()
        begun = state.plan is not None and state.plan.target == target
        if not begun and target not in state.due:
            raise RequestRefused(
                409,
                f"no planned restart of {target} is under way; "
                "skip leaves out the next one",
            )
        return await self._asked(
            PlannedRestartCancelled(self._desk.clock.now(), target)
        )

    # --- evidence

    async def _evidence(self, request: web.Request) -> web.Response:
        name = self._instance(request)
        bundle = self._desk.evidence(name)
        if bundle is None:
            raise RequestRefused(404, f"nothing was gathered about {name} yet")
        return json_response(bundle)

    # --- what the path names

    async def _asked(self, event: Event) -> web.Response:
        return json_response(status.decision(await self._desk.ask(event)))

    def _targets(self, request: web.Request) -> tuple[str, ...]:
        if "target" not in request.match_info:
            return tuple(self._desk.state().targets)
        return (self._target(request),)

    def _target(self, request: web.Request) -> str:
        """A target's name, given by its own or an instance's name."""
        name = request.match_info["target"]
        state = self._desk.state()
        if name in state.targets:
            return name
        instance = health.instance_named(state, name)
        if instance is None:
            raise self._unknown(name)
        return instance.id.target

    def _instance(self, request: web.Request) -> str:
        """An instance's name; a target's own will do where it has one replica."""
        name = request.match_info["target"]
        state = self._desk.state()
        if health.instance_named(state, name) is not None:
            return name
        if name not in state.targets:
            raise self._unknown(name)
        names = ", ".join(status.replica_names(state, name)) or "none yet"
        raise RequestRefused(
            400, f"{name} has several replicas, name one of them: {names}"
        )

    def _unknown(self, name: str) -> RequestRefused:
        known = list(self._desk.state().targets)
        names = ", ".join(known[:_NAMES_SHOWN]) or "none"
        more = ", ..." if len(known) > _NAMES_SHOWN else ""
        return RequestRefused(
            404, f"there is no target {name}; there are: {names}{more}"
        )


async def _read_body(request: web.Request, kind: type[_Body]) -> _Body:
    raw = await request.read()
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise RequestRefused(400, f"the body cannot be used: {fault}") from fault


def _answer_decision(made: Decision) -> web.Response:
    if made.action in _OBJECTIONS:
        view = {"error": str(made.reason), "guard": made.guard, **status.decision(made)}
        return json_response(view, 409)
    return json_response(status.decision(made), 202)
