"""End of a remedy: it is noted and counted, and the wallet's balance is compared."""

from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import Lane
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.model.update import Update, no_update, replace_instances
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import (
    balance_check,
    planned_restart,
    retry_budget,
    verification_pause,
)
from sidecar.core.recovery.efficacy import record_remedy_result
from sidecar.core.recovery.remedy_begin import STARTING_ACTIONS


def end_remedy(
    state: State, instance: Instance, outcome: RemedyOutcome, reason: Reason, at: Moment
) -> Update:
    """End the remedy: note and count it, and compare the wallet's balance."""
    remedy = instance.remedy
    if remedy is None:
        return no_update(state)
    decision = remedy.decision
    recovered = outcome is RemedyOutcome.RECOVERED
    first_mono = remedy.first_failure_mono
    ended = RemedyEnded(
        at,
        instance.id,
        instance.name,
        decision.action,
        decision.trigger,
        decision.cause,
        outcome,
        reason,
        at.mono - remedy.began.mono,
        at.mono - first_mono if recovered and first_mono is not None else None,
        instance.incident or decision.incident,
    )
    instance, compared = balance_check.compare_after_remedy(
        instance, state.target_of(instance), ended
    )
    updated = record_remedy_result(
        replace_instances(state, replace(instance, remedy=None)), ended
    )
    after = _update_lanes(updated, updated.instances[instance.id], ended)
    updated = replace_instances(updated, after)
    if not recovered:
        updated = planned_restart.stop_plan(updated, after, decision.trigger)
    updated = replace_instances(
        updated, *verification_pause.extend_paused(updated, after, remedy, at)
    )
    return Update(updated, (ended, *compared), (instance.id,))


def _update_lanes(state: State, instance: Instance, ended: RemedyEnded) -> Instance:
    """Reset the lanes where the remedy helped; count a failed try where it did not.

    In a crash loop, an answer is no recovery.
    """
    helped = ended.outcome is RemedyOutcome.RECOVERED and not instance.looping
    if helped:
        if ended.action in STARTING_ACTIONS:
            instance = replace(instance, returned_mono=ended.at.mono)
        return replace(instance, lane=Lane(), load_lane=Lane())
    if ended.action not in STARTING_ACTIONS:
        return instance
    settings = state.target_of(instance).restart
    lane = retry_budget.note_failed_try(
        instance.lane, settings, instance.id, ended.at.mono
    )
    return replace(instance, lane=lane)
