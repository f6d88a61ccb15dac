"""Limits of restarts per hour, for a stack and for each target of it."""

from typing import NamedTuple

from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.status.dependencies import is_declared_root

TARGET_SHARE = 6
"""Part of RESTART_LIMIT that one target may use: more than its lanes need."""
ROOT_RESERVE = 3
"""Part of RESTART_LIMIT that is reserved for roots declared in the settings."""


class Limits(NamedTuple):
    """Numbers of restarts of a target, and of its stack, that stop the next one."""

    of_target: int
    of_stack: int


def find_limits(state: State, target: Target) -> Limits:
    """Limits for a target: roots share a reserve, which a single root may use up."""
    others = (t for t in state.targets.values() if t.name != target.name)
    is_reserved = any(is_declared_root(state, other) for other in others)
    unreserved = RESTART_LIMIT - ROOT_RESERVE if is_reserved else RESTART_LIMIT
    if is_declared_root(state, target):
        return Limits(unreserved, RESTART_LIMIT)
    return Limits(TARGET_SHARE, unreserved)


def stack_restarts(state: State, now: float) -> int:
    """Restarts in the stack within the hour."""
    return len(within_hour(state.restarts, now))


def target_restarts(state: State, target: Target, now: float) -> int:
    """Restarts of all replicas of a target within the hour."""
    replicas = state.replicas(target.name)
    return sum(len(within_hour(one.counted_mono, now)) for one in replicas)


def within_hour(restarts: tuple[float, ...], now: float) -> tuple[float, ...]:
    """Restarts within the last hour."""
    return tuple(at for at in restarts if now - at < RESTART_WINDOW_S)


def without_restart(restarts: tuple[float, ...], at: float) -> tuple[float, ...]:
    """The restarts without the one at ``at``, which was never sent."""
    if at not in restarts:
        return restarts
    index = restarts.index(at)
    return (*restarts[:index], *restarts[index + 1 :])


RESTART_LIMIT = 10
RESTART_WINDOW_S = 3600.0
