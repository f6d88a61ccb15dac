"""Guards of operators: their settings, pauses and modes."""

from sidecar.core.model.decision import Trigger
from sidecar.core.policy.guards.guard_input import (
    GuardInput,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason


def opted_out(case: GuardInput) -> Reason | None:
    """The settings say that this target is only to be watched."""
    if case.target.restart.enabled or case.trigger is Trigger.OPERATOR:
        return None
    return Reason.of(R.RESTARTS_OFF)


def paused(case: GuardInput) -> Reason | None:
    """A person asked for quiet."""
    until = case.state.paused.get(case.instance.id.target)
    if until is None or case.forced:
        return None
    if until == float("inf"):
        return Reason.of(R.ACTING_PAUSED)
    return Reason.of(R.ACTING_PAUSED_FOR, wait_s=until - case.at.wall)


def observe(case: GuardInput) -> Reason | None:
    """Asked last, so that the other reasons are heard in observe mode too."""
    if case.state.mode_in_force == "act":
        return None
    other = case.state.engine.other
    if other and case.state.mode == "act":
        return Reason.of(R.ONLY_OBSERVED, engine=other, action=case.action)
    return Reason.of(R.OBSERVE_MODE, action=case.action)
