"""Guards for the target's own start, and its restart by others."""

from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.target import PlannedRestartSettings
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.start_period import is_in_start_period, start_period_s
from sidecar.core.status.streaks import may_return


def check_starting(case: GuardInput) -> Reason | None:
    """Wait for the end of the start period."""
    if case.forced or case.action not in {Action.RESTART, Action.RECREATE}:
        return None
    if not is_in_start_period(case.instance, case.target, case.at.mono):
        return None
    whole_s = start_period_s(case.instance, case.target)
    remaining_s = whole_s - (case.at.mono - case.instance.run_mono)
    return Reason.of(R.IS_STARTING, wait_s=remaining_s)


def check_self_restart(case: GuardInput) -> Reason | None:
    """Wait while a supervisor may start the lost process again by itself."""
    health = case.instance.health
    if not case.trigger.is_automatic or not may_return(health, case.at.mono):
        return None
    remaining_s = (health.may_return_until_mono or 0.0) - case.at.mono
    if health.gone_mono is not None:
        return Reason.of(R.MAY_START_ITSELF, wait_s=remaining_s)
    return Reason.of(R.SUCCESSOR_STARTS, wait_s=remaining_s)


def check_recently_restarted(case: GuardInput) -> Reason | None:
    """Skip a planned restart soon after another restart."""
    settings = case.target.preventive
    if case.trigger is not Trigger.PLANNED:
        return None
    if settings is None:
        if case.instance.id.target not in case.state.due:
            return None  # It follows its root.
        settings = PlannedRestartSettings()
    ago_s = case.at.mono - case.instance.run_mono
    if ago_s >= settings.skip_if_restarted_within_s:
        return None
    return Reason.of(R.RESTARTED_LATELY, ago_s=ago_s)
