"""Kinds of calls to the engine, and how they end."""

from collections.abc import Callable
from typing import Literal, get_args

from sidecar.core.ports.engine import (
    ContainerGone,
    EngineError,
    EngineTimeout,
    EngineUnreachable,
)

Operation = Literal[
    "list",
    "inspect",
    "start",
    "restart",
    "stop",
    "kill",
    "logs",
    "top",
    "stats",
    "exec",
    "archive",
    "put_archive",
    "create",
    "remove",
    "plan",
    "rename",
    "pause",
    "network",
    "events",
]
CallStatus = Literal["ok", "unreachable", "timeout", "refused", "gone"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
CALL_STATUSES: tuple[CallStatus, ...] = get_args(CallStatus)
RequestObserver = Callable[[Operation, CallStatus, float], None]
"""Called after each request on the loop's thread, with its duration in seconds."""

REPORTED_BY_LOOP: frozenset[Operation] = frozenset({"start", "restart", "rename"})
"""Operations whose refusal the loop reports."""


def status_of(error: EngineError) -> CallStatus:
    """The status of a request that ended with an error."""
    if isinstance(error, EngineUnreachable):
        return "unreachable"
    if isinstance(error, EngineTimeout):
        return "timeout"
    return "gone" if isinstance(error, ContainerGone) else "refused"
