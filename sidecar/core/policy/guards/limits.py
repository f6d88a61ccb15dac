"""Guards of limits: restarts an hour, tries, and remedies that never helped."""

from sidecar.core.model.cause import RemedyKind
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.state import EfficacyKey
from sidecar.core.policy.guards.guard_input import (
    GuardInput,
)
from sidecar.core.recovery import (
    efficacy,
    restart_rate,
    retry_budget,
)
from sidecar.core.recovery.restart_rate import RESTART_LIMIT
from sidecar.core.text.formatting import (
    format_wait,
)


def rate_limit(case: GuardInput) -> str | None:
    """Something is wrong that restarts do not cure: a person is needed."""
    if case.forced or case.action is Action.LOAD_WALLET:
        return None
    limits = restart_rate.find_limits(case.state, case.target)
    used = restart_rate.stack_restarts(case.state, case.at.mono)
    if used >= RESTART_LIMIT:
        return f"{used} restarts in this stack within the hour: no more for now"
    if used >= limits.of_stack:
        return (
            f"{used} restarts in this stack within the hour: what is left is kept for "
            "its roots"
        )
    used = restart_rate.target_restarts(case.state, case.target, case.at.mono)
    if used < limits.of_target:
        return None
    return (
        f"{used} restarts of this target within the hour are its share: no more for now"
    )


def ineffective(case: GuardInput) -> str | None:
    """A cure that never cured is not repeated; loading is bounded by its lane."""
    if case.cause is None or case.trigger is not Trigger.FAILURE:
        return None
    if case.action is Action.LOAD_WALLET:
        return None
    key = EfficacyKey(case.target.name, case.cause, RemedyKind(case.action.value))
    record = case.state.ledger.get(key)
    tried_now = case.instance.lane.tries > 0
    if record is None or not efficacy.is_ineffective(record, tried_now=tried_now):
        return None
    return (
        f"{case.action} was tried {record.tries} times in {record.outages} outages "
        f"against {case.cause} and never helped; it waits for a person to say recover"
    )


def backoff(case: GuardInput) -> str | None:
    """Tries are spaced out."""
    lane = _lane(case)
    wait = lane.not_before - case.at.mono
    is_fast = lane.name is LaneName.FAST
    if not case.trigger.is_automatic or not is_fast or wait <= 0:
        return None
    how = "could not be sent" if lane.unsent else "did not help"
    return f"the last try {how}; the next is in {format_wait(wait)}"


def budget(case: GuardInput) -> str | None:
    """Tries are limited: the slow lane follows, then a person."""
    lane = _lane(case)
    settings = case.target.restart
    if not case.trigger.is_automatic:
        return None
    if lane.name is LaneName.DEAD_LETTER:
        return "every try is used up; it waits for a person to say recover"
    loads = case.action is Action.LOAD_WALLET
    used = retry_budget.tries_in_window(lane, settings, case.at.mono)
    if lane.name is LaneName.FAST and used >= settings.budget and not loads:
        return f"{used} tries within {format_wait(settings.window_s)} are the limit"
    wait = lane.not_before - case.at.mono
    if lane.name is not LaneName.SLOW or wait <= 0:
        return None
    tries = len(lane.spent) if loads else settings.budget
    return (
        f"{tries} tries did not help, so they come further apart: "
        f"the next is in {format_wait(wait)}"
    )


def _lane(case: GuardInput) -> Lane:
    load = case.action is Action.LOAD_WALLET
    return case.instance.load_lane if load else case.instance.lane
