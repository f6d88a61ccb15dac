"""Kinds of calls to the engine, and how they end."""

from collections.abc import Callable
from typing import Literal, get_args

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
    "events",
]
CallStatus = Literal["ok", "unreachable", "timeout", "refused", "gone"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
CALL_STATUSES: tuple[CallStatus, ...] = get_args(CallStatus)
RequestObserver = Callable[[Operation, CallStatus, float], None]
"""Called after each request on the loop's thread, with its duration in seconds."""
