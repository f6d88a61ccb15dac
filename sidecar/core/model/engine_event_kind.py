"""Kinds of engine events."""

from enum import StrEnum


class EngineEventKind(StrEnum):
    """The engine events that matter."""

    KILL = "kill"
    DIE = "die"
    STOP = "stop"
    START = "start"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    DESTROY = "destroy"
    OOM = "oom"
    HEALTH = "health_status"
    RESTART = "restart"
    OTHER = "other"
