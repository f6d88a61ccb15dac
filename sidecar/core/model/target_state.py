"""Public names of the states of a target."""

from enum import StrEnum


class TargetState(StrEnum):
    """State of a target; public names.

    DRAINING: a replica that works, and is to get no new requests before its restart.
    """

    UNKNOWN = "unknown"
    STARTING = "starting"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    FAILING = "failing"
    DOWN = "down"
    DRAINING = "draining"
    RECOVERING = "recovering"
    CRASH_LOOP = "crash_loop"
    DEAD_LETTER = "dead_letter"
    STOPPED = "stopped"
    MISSING = "missing"


WORKING_STATES = frozenset({TargetState.HEALTHY, TargetState.DEGRADED})
SERVING_STATES = WORKING_STATES | {TargetState.DRAINING}
"""States in which it serves requests; in DRAINING only those that it has."""
BROKEN_STATES = frozenset(
    {
        TargetState.DOWN,
        TargetState.RECOVERING,
        TargetState.CRASH_LOOP,
        TargetState.DEAD_LETTER,
        TargetState.STOPPED,
        TargetState.MISSING,
    }
)
