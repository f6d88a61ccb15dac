"""Podman's answers, translated to those of Docker. Pure; imported for Podman only.

Podman answers Docker's API with words, events and process ids of its own. Whether
somebody stopped a container is in its own API alone, as ``State.StoppedByUser``.
docs/engines.md has the differences.
"""

from typing import Any

import msgspec

from sidecar.core.model.container import Process, StopReport
from sidecar.engine.api_types import Event

_ACTIONS = {
    "died": "die",
    "remove": "destroy",
    # It reports a restart at its begin, and not the stop that is part of it.
    "restart": "kill",
}
_STATUSES = {
    "configured": "created",
    "initialized": "created",
    "stopped": "exited",
    "stopping": "running",
}
_NOT_ENDED = frozenset({"running", "paused"})
_HEALTH_WORDS = {"reset": "starting", "stopped": "none"}
_BEYOND_PIDS = 2**22
"""The kernel gives no process a number this high."""
_REMEMBERED = 4096


# --- containers


class OwnState(msgspec.Struct, rename="pascal"):
    """The state in Podman's own inspect; a value that is false is left out."""

    started_at: str = ""
    checkpointed: bool = False
    stopped_by_user: bool = False


class OwnInspected(msgspec.Struct, rename="pascal"):
    """The answer to Podman's own inspect."""

    state: OwnState


class ApiState(msgspec.Struct, rename="pascal"):
    """The part of Docker's inspect that decides whether Podman's own is needed."""

    status: str = ""
    started_at: str = ""


class ApiInspected(msgspec.Struct, rename="pascal"):
    """The answer to Docker's inspect."""

    state: ApiState


def needs_own_inspect(raw: object) -> bool:
    """Has the run ended, so that the engine can say who ended it?"""
    word = msgspec.convert(raw, ApiInspected).state.status
    return word not in _NOT_ENDED and _STATUSES.get(word, word) == "exited"


def translate_container(raw: Any, own: object | None) -> object:  # noqa: ANN401 - JSON
    """An inspect's answer as Docker would give it, with a report about the stop.

    ``own``: Podman's own inspect; None: not asked, refused, or without such a report.
    msgspec.ValidationError.
    """
    state = msgspec.convert(raw, ApiInspected).state
    changed: dict[str, object] = {
        "Status": _STATUSES.get(state.status, state.status),
        "StopReport": _stop_report(state, own),
    }
    health = raw["State"].get("Health")
    if isinstance(health, dict) and health.get("Status") in _HEALTH_WORDS:
        changed["Health"] = health | {"Status": _HEALTH_WORDS[health["Status"]]}
    translated = raw | {"State": raw["State"] | changed}
    config = raw.get("Config")
    if isinstance(config, dict) and config.get("StopTimeout") == 0:
        # Version 4.3 says 0 of each container, whatever its stop timeout is.
        translated["Config"] = config | {"StopTimeout": None}
    return translated


def _stop_report(state: ApiState, own: object | None) -> StopReport:
    if state.status == "stopping":
        return StopReport.REQUESTED
    if state.status in _NOT_ENDED:
        return StopReport.NOT_REQUESTED
    if own is None:
        return StopReport.UNKNOWN
    own_state = msgspec.convert(own, OwnInspected).state
    if own_state.started_at != state.started_at:
        return StopReport.UNKNOWN  # of another run than the first answer
    asked_for = own_state.stopped_by_user or own_state.checkpointed
    return StopReport.REQUESTED if asked_for else StopReport.NOT_REQUESTED


# --- processes


class _PidMode(msgspec.Struct, rename="pascal"):
    pid_mode: str = ""


class _MainProcess(msgspec.Struct, rename="pascal"):
    pid: int = 0


class _ProcessFacts(msgspec.Struct, rename="pascal"):
    state: _MainProcess
    host_config: _PidMode = msgspec.field(default_factory=_PidMode)


def renumber_processes(
    processes: tuple[Process, ...], raw: object
) -> tuple[Process, ...]:
    """Give the main process the number that it has on the host, as in the inspect.

    Podman lists processes by their numbers in the container, where the main process is
    1. Another one that has the main process's number by chance gets one beyond all.
    """
    facts = msgspec.convert(raw, _ProcessFacts)
    main, mode = facts.state.pid, facts.host_config.pid_mode
    if mode == "host":
        return processes
    shared = mode.startswith("container:")

    def number(pid: int) -> int:
        if pid == 1 and not shared:
            return main
        return pid + _BEYOND_PIDS if pid == main else pid

    return tuple(
        process._replace(pid=number(process.pid), ppid=number(process.ppid))
        for process in processes
    )


# --- events


class EventTranslator:
    """Translates events, one at a time.

    The result is the event as Docker would send it; None: Docker would not send it.
    Podman reports each health check, Docker only a change of the health.
    """

    def __init__(self) -> None:
        self._health: dict[str, str] = {}

    def __call__(self, event: Event) -> Event | None:
        """Translate one event."""
        action = _ACTIONS.get(event.action, event.action)
        if action == "health_status":
            return event if self._has_changed(event) else None
        return msgspec.structs.replace(event, action=action)

    def _has_changed(self, event: Event) -> bool:
        earlier = self._health.get(event.actor.id)
        if len(self._health) >= _REMEMBERED:
            self._health.clear()
        self._health[event.actor.id] = event.health
        return not event.health or earlier != event.health
