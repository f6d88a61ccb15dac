"""Guards for operators: their settings, pauses, windows and modes."""

from sidecar.core.model.decision import Trigger
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.maintenance_windows import window_end_wall


def check_opted_out(case: GuardInput) -> Reason | None:
    """Refuse where the settings permit no restarts of the target."""
    if case.target.restart.enabled or case.trigger is Trigger.OPERATOR:
        return None
    return Reason.of(R.RESTARTS_OFF)


def check_paused(case: GuardInput) -> Reason | None:
    """Wait while an operator has paused the target."""
    until_wall = case.state.paused.get(case.instance.id.target)
    if until_wall is None or case.forced:
        return None
    if until_wall == float("inf"):
        return Reason.of(R.ACTING_PAUSED)
    return Reason.of(R.ACTING_PAUSED_FOR, wait_s=until_wall - case.at.wall)


def check_maintenance(case: GuardInput) -> Reason | None:
    """Wait while the target is in a maintenance window."""
    end_wall = window_end_wall(case.state, case.instance.id.target, case.at.wall)
    if end_wall is None or case.forced:
        return None
    return Reason.of(R.IN_MAINTENANCE, wait_s=end_wall - case.at.wall)


def check_observe(case: GuardInput) -> Reason | None:
    """Refuse in observe mode; asked last, so that other objections are shown first."""
    if case.state.mode_in_force == "act":
        return None
    other = case.state.engine.other
    if other and case.state.mode == "act":
        return Reason.of(R.ONLY_OBSERVED, engine=other, action=case.action)
    return Reason.of(R.OBSERVE_MODE, action=case.action)
