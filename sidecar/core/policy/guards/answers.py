"""Answers of all guards about a remedy, and the time at which objections end.

Nothing is changed: the guards are pure, and are asked about several times.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sidecar.core.model.guard import Guard
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.policy.guards.lifting import LIFTINGS
from sidecar.core.policy.guards.table import Check, ask_guards
from sidecar.core.reason.reason import Reason
from sidecar.core.status.maintenance_windows import window_end_wall

LONGEST_S = 30 * 86400.0
"""A wait beyond this is called endless."""
_PRECISION_S = 0.1


@dataclass(frozen=True, slots=True)
class GuardExplanation:
    """One guard's answer about the remedy.

    ``reason`` None: the guard does not object. ``lifted_by`` says what would end the
    objection; ``lifts_in_s``: the time after which time alone ends it, None: never.
    """

    guard: Guard
    is_asked: bool
    reason: Reason | None
    lifted_by: str
    lifts_in_s: float | None


def explain_guards(case: GuardInput) -> tuple[GuardExplanation, ...]:
    """Every guard's answer about the remedy, in the order of asking."""
    return tuple(
        GuardExplanation(
            answer.guard,
            answer.is_asked,
            answer.reason,
            LIFTINGS[answer.guard].text.format(target=case.instance.name),
            _lift_time_s(case, answer.guard, answer.check)
            if answer.reason is not None
            else 0.0,
        )
        for answer in ask_guards(case)
    )


def _lift_time_s(case: GuardInput, guard: Guard, check: Check) -> float | None:
    """Seconds until time alone lifts the guard's objection; None: it does not."""
    if guard is Guard.PAUSED:
        # The pause ends by a step of the loop, not by the guard.
        until_wall = case.state.paused.get(case.instance.id.target, 0.0)
        left_s = max(0.0, until_wall - case.at.wall)
        return left_s if left_s < LONGEST_S else None
    if guard is Guard.MAINTENANCE:
        # The window comes again: the answer is not one that stays.
        target, now_wall = case.instance.id.target, case.at.wall
        return (window_end_wall(case.state, target, now_wall) or now_wall) - now_wall
    if not LIFTINGS[guard].is_timed:
        return None
    return first_true_s(lambda s: check(replace(case, at=_later(case.at, s))) is None)


def _later(at: Moment, seconds: float) -> Moment:
    return Moment(at.mono + seconds, at.wall + seconds)


def first_true_s(is_true: Callable[[float], bool]) -> float | None:
    """The time from which a question that stays true is true; None: it never is."""
    if is_true(0.0):
        return 0.0
    if not is_true(LONGEST_S):
        return None
    low_s, high_s = 0.0, LONGEST_S
    while high_s - low_s > _PRECISION_S:
        middle_s = (low_s + high_s) / 2
        if is_true(middle_s):
            high_s = middle_s
        else:
            low_s = middle_s
    return high_s
