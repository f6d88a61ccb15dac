"""Does a maintenance window last? Windows that overlap or touch are one."""

from collections.abc import Iterable

from sidecar.core.model.maintenance_window import WindowPeriod
from sidecar.core.model.message import Message
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State


def window_end_wall(state: State, target: str, wall: float) -> float | None:
    """The end of the window in which the target is at this time; None: none lasts."""
    return _end_wall((p for p in state.windows if p.concerns(target)), wall)


def stack_window_end_wall(state: State, wall: float) -> float | None:
    """The same for a window of all targets, in which nobody is told of the stack."""
    return _end_wall((p for p in state.windows if not p.targets), wall)


def is_silenced(state: State, target: str, wall: float) -> bool:
    """Are people told nothing of this target now: is it paused, or in a window?"""
    return target in state.paused or window_end_wall(state, target, wall) is not None


def hold_until_end(
    state: State, target: str, wall: float, messages: Iterable[Message]
) -> tuple[Message, ...]:
    """The messages, to be sent at the end of the target's window if there is one."""
    end_wall = window_end_wall(state, target, wall)
    if end_wall is None:
        return tuple(messages)
    return tuple(replace(message, not_before_wall=end_wall) for message in messages)


def _end_wall(periods: Iterable[WindowPeriod], wall: float) -> float | None:
    end_wall = wall
    for period in sorted(periods):
        if period.begin_wall <= end_wall < period.end_wall:
            end_wall = period.end_wall
    return end_wall if end_wall > wall else None
