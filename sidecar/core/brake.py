"""The storm brake: how many restarts an hour a stack, and each target of it, may have.

Only those count that nobody asked for or planned. Times are monotonic seconds.
"""

from typing import NamedTuple

from sidecar.core.budget import STORM_LIMIT, STORM_WINDOW_S
from sidecar.core.roots import is_declared_root
from sidecar.core.state import State
from sidecar.core.target import Target

SHARE = 6
"""Of STORM_LIMIT, what one target may use up: more than its default lanes need."""
ROOT_RESERVE = 3
"""Of STORM_LIMIT, what is kept for the roots that the settings declare."""


class Limits(NamedTuple):
    """How many restarts of a target, and of its stack, stop the next one."""

    of_target: int
    of_stack: int


def limits(state: State, target: Target) -> Limits:
    """A root that is alone may use up all; several leave each other the reserve."""
    others = (t for t in state.targets.values() if t.name != target.name)
    is_reserved = any(is_declared_root(state, other) for other in others)
    unreserved = STORM_LIMIT - ROOT_RESERVE if is_reserved else STORM_LIMIT
    if is_declared_root(state, target):
        return Limits(unreserved, STORM_LIMIT)
    return Limits(SHARE, unreserved)


def of_stack(state: State, now: float) -> int:
    """Restarts in the stack within the hour."""
    return len(within_hour(state.restarts, now))


def of_target(state: State, target: Target, now: float) -> int:
    """Restarts of all replicas of a target within the hour."""
    replicas = state.replicas(target.name)
    return sum(len(within_hour(one.counted_mono, now)) for one in replicas)


def within_hour(restarts: tuple[float, ...], now: float) -> tuple[float, ...]:
    """The moments that still count."""
    return tuple(at for at in restarts if now - at < STORM_WINDOW_S)


def without(restarts: tuple[float, ...], at: float) -> tuple[float, ...]:
    """The moments less one restart of ``at``, which was never sent."""
    if at not in restarts:
        return restarts
    index = restarts.index(at)
    return (*restarts[:index], *restarts[index + 1 :])
