"""The end of a remedy: noted, counted, compared with what the wallet held."""

from dataclasses import replace

from sidecar.core.model.decision import Trigger
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import Lane
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.model.update import (
    Update,
    replace_instances,
    unchanged,
)
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import (
    balance_check,
    retry_budget,
    verification_pause,
)
from sidecar.core.recovery.efficacy import record_remedy_result
from sidecar.core.recovery.remedy_begin import (
    STARTING_ACTIONS,
)


def end_remedy(
    state: State, instance: Instance, outcome: RemedyOutcome, reason: Reason, at: Moment
) -> Update:
    """It is over: noted, with what the wallet held, and counted."""
    remedy = instance.remedy
    if remedy is None:
        return unchanged(state)
    decision = remedy.decision
    recovered = outcome is RemedyOutcome.RECOVERED
    first = remedy.first_failure_mono
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
        at.mono - first if recovered and first is not None else None,
        instance.incident or decision.incident,
    )
    instance, compared = balance_check.compare_after_remedy(
        instance, state.target_of(instance), ended
    )
    without = record_remedy_result(
        replace_instances(state, replace(instance, remedy=None)), ended
    )
    after = _update_lanes(without, without.instances[instance.id], ended)
    without = replace_instances(without, after)
    if decision.trigger is Trigger.PLANNED and not recovered:
        without = replace(without, plan=None)
    without = replace_instances(
        without, *verification_pause.extend_paused(without, after, remedy, at)
    )
    return Update(without, (ended, *compared), (instance.id,))


def _update_lanes(state: State, instance: Instance, ended: RemedyEnded) -> Instance:
    """Tries are given back by what was observed, and counted where it did not help.

    In a crash loop to have answered is not to have recovered.
    """
    helped = ended.outcome is RemedyOutcome.RECOVERED and not instance.looping
    if helped:
        return replace(instance, lane=Lane(), load_lane=Lane())
    if ended.action not in STARTING_ACTIONS:
        return instance
    settings = state.target_of(instance).restart
    lane = retry_budget.note_failed_try(
        instance.lane, settings, instance.id, ended.at.mono
    )
    return replace(instance, lane=lane)
