"""How many restarts an hour a stack, and each target of it, may have."""

from typing import NamedTuple

from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.status.dependencies import is_declared_dependency

SHARE = 6
"""Of STORM_LIMIT, what one target may use up: more than its default lanes need."""
ROOT_RESERVE = 3
"""Of STORM_LIMIT, what is kept for the roots that the settings declare."""


class Limits(NamedTuple):
    """How many restarts of a target, and of its stack, stop the next one."""

    of_target: int
    of_stack: int


def find_limits(state: State, target: Target) -> Limits:
    """A root that is alone may use up all; several leave each other the reserve."""
    others = (t for t in state.targets.values() if t.name != target.name)
    is_reserved = any(is_declared_dependency(state, other) for other in others)
    unreserved = RESTART_LIMIT - ROOT_RESERVE if is_reserved else RESTART_LIMIT
    if is_declared_dependency(state, target):
        return Limits(unreserved, RESTART_LIMIT)
    return Limits(SHARE, unreserved)


def stack_restarts(state: State, now: float) -> int:
    """Restarts in the stack within the hour."""
    return len(within_hour(state.restarts, now))


def target_restarts(state: State, target: Target, now: float) -> int:
    """Restarts of all replicas of a target within the hour."""
    replicas = state.replicas(target.name)
    return sum(len(within_hour(one.counted_mono, now)) for one in replicas)


def within_hour(restarts: tuple[float, ...], now: float) -> tuple[float, ...]:
    """The moments that still count."""
    return tuple(at for at in restarts if now - at < RESTART_WINDOW_S)


def without_restart(restarts: tuple[float, ...], at: float) -> tuple[float, ...]:
    """The moments less one restart of ``at``, which was never sent."""
    if at not in restarts:
        return restarts
    index = restarts.index(at)
    return (*restarts[:index], *restarts[index + 1 :])


RESTART_LIMIT = 10
RESTART_WINDOW_S = 3600.0
