"""Guards for limits: restarts per hour, tries, and remedies that never helped."""

from sidecar.core.model.cause import RemedyKind
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.state import EfficacyKey
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import (
    efficacy,
    restart_rate,
    retry_budget,
)
from sidecar.core.recovery.restart_rate import RESTART_LIMIT


def check_rate_limit(case: GuardInput) -> Reason | None:
    """Limit restarts per hour: beyond them a person is needed."""
    if case.forced or case.action is Action.LOAD_WALLET:
        return None
    limits = restart_rate.find_limits(case.state, case.target)
    used = restart_rate.stack_restarts(case.state, case.at.mono)
    if used >= RESTART_LIMIT:
        return Reason.of(R.STACK_LIMIT, count=used)
    if used >= limits.of_stack:
        return Reason.of(R.STACK_RESERVE, count=used)
    used = restart_rate.target_restarts(case.state, case.target, case.at.mono)
    if used < limits.of_target:
        return None
    return Reason.of(R.TARGET_LIMIT, count=used)


def check_ineffective(case: GuardInput) -> Reason | None:
    """Refuse a remedy that never helped; loads are limited by their lane alone."""
    if case.cause is None or case.trigger is not Trigger.FAILURE:
        return None
    if case.action is Action.LOAD_WALLET:
        return None
    key = EfficacyKey(case.target.name, case.cause, RemedyKind(case.action.value))
    record = case.state.ledger.get(key)
    tried_now = efficacy.is_tried_now(case.action, case.instance)
    if record is None or not efficacy.is_ineffective(record, tried_now=tried_now):
        return None
    return Reason.of(
        R.NEVER_HELPED,
        action=case.action,
        tries=record.tries,
        outages=record.outages,
        cause=case.cause,
    )


def check_backoff(case: GuardInput) -> Reason | None:
    """Wait between tries."""
    lane = _lane(case)
    wait_s = lane.not_before - case.at.mono
    is_fast = lane.name is LaneName.FAST
    if not case.trigger.is_automatic or not is_fast or wait_s <= 0:
        return None
    code = R.LAST_TRY_NOT_SENT if lane.unsent else R.LAST_TRY_FAILED
    return Reason.of(code, wait_s=wait_s)


def check_budget(case: GuardInput) -> Reason | None:
    """Limit tries: the slow lane follows, then a person."""
    lane = _lane(case)
    settings = case.target.restart
    if not case.trigger.is_automatic:
        return None
    if lane.name is LaneName.DEAD_LETTER:
        return Reason.of(R.NO_TRIES_LEFT)
    loads = case.action is Action.LOAD_WALLET
    used = retry_budget.tries_in_window(lane, settings, case.at.mono)
    if lane.name is LaneName.FAST and used >= settings.budget and not loads:
        return Reason.of(R.WINDOW_LIMIT, count=used, window_s=settings.window_s)
    wait_s = lane.not_before - case.at.mono
    if lane.name is not LaneName.SLOW or wait_s <= 0:
        return None
    tries = len(lane.spent) if loads else settings.budget
    return Reason.of(R.SLOW_LANE, count=tries, wait_s=wait_s)


def _lane(case: GuardInput) -> Lane:
    load = case.action is Action.LOAD_WALLET
    return case.instance.load_lane if load else case.instance.lane
