"""Begin of a remedy: the decision is noted, and the remedy is counted as a try."""

from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.event import DecisionMade
from sidecar.core.model.instance import Instance, Remedy, RemedyPhase
from sidecar.core.model.record_copy import replace
from sidecar.core.model.restart_overlap import RestartOverlap
from sidecar.core.model.state import State
from sidecar.core.model.update import (
    Update,
    no_update,
    replace_incident,
    replace_instances,
)
from sidecar.core.recovery import (
    balance_check,
    busy_wait,
    dependents,
    drain,
    planned_restart,
    recreation,
    restart_rate,
    retry_budget,
)
from sidecar.core.status import crash_loop, replicas

ACT_MARGIN_S = 150.0
"""Time beyond the stop timeout after which a remedy has no result any more.

The executor ends all that it begins in less; otherwise its begin or its end was lost.
"""

STARTING_ACTIONS = frozenset({Action.START, Action.RESTART, Action.RECREATE})


def on_decision_made(state: State, event: DecisionMade) -> Update:
    """Note a decision; begin its remedy, and count that as a try."""
    decision = event.decision
    instance = state.instances.get(decision.instance)
    if instance is None:
        return no_update(state)
    after = replace_instances(state, _apply_decision(instance, event))
    if _completes_takeover(instance, decision):
        return Update(after, (), (instance.id,))
    after = _add_follower(after, instance, decision)
    if _counts_towards_rate(decision):
        recent = restart_rate.within_hour(state.restarts, event.at.mono)
        after = replace(after, restarts=(*recent, event.at.mono))
    after = planned_restart.advance_plan(after, decision, event.at)
    after = busy_wait.advance_waits(after, decision, event.at)
    return Update(after, (), (instance.id,))


def _add_follower(state: State, instance: Instance, decision: Decision) -> State:
    incident = state.incidents.get(instance.incident or "")
    if incident is None:
        return state
    updated = dependents.add_follower(incident, decision)
    return state if updated is incident else replace_incident(state, updated)


def _apply_decision(instance: Instance, event: DecisionMade) -> Instance:
    decision = event.decision
    noted = crash_loop.start_log_wait(
        replace(instance, last_decision=decision), decision
    )
    noted = dependents.drop_hopeless_restart(noted, decision)
    if decision.trigger is Trigger.OPERATOR:
        noted = replace(noted, asked=False, asked_now=False)
    if decision.action is Action.LOOK:
        now = event.at.mono
        return replace(noted, looked=decision.run, looked_mono=now)
    if decision.action is Action.DRAIN:
        return drain.begin_drain(noted, event)
    if decision.drained:
        noted = replace(noted, remedy=None)
    if decision.action is Action.LOAD_WALLET:
        lane = retry_budget.count_try(noted.load_lane, event.at.mono)
        return replace(noted, loading=decision, load_lane=lane)
    if _completes_takeover(instance, decision):
        return _resume_remedy(noted, event)
    if decision.action.changes_something:
        return _begin_remedy(noted, event)
    return noted


def _completes_takeover(instance: Instance, decision: Decision) -> bool:
    """Does it complete a remedy that an earlier, dead process began?"""
    if replicas.is_drained(instance):
        return False
    return decision.action in STARTING_ACTIONS and instance.remedy is not None


def _resume_remedy(instance: Instance, event: DecisionMade) -> Instance:
    """Resume the remedy that was begun: no further try is counted."""
    remedy = instance.remedy
    if remedy is None:
        return instance
    acting = replace(
        remedy, phase=RemedyPhase.ACTING, deadline_mono=_act_deadline_mono(event)
    )
    return replace(
        instance,
        remedy=acting,
        treated=event.decision.run,
        overlap=RestartOverlap(since_mono=event.at.mono),
    )


def _counts_towards_rate(decision: Decision) -> bool:
    """Does it count towards the restart limit of the stack? Operators' own do not."""
    return decision.action in STARTING_ACTIONS and _is_try(decision)


def _is_try(decision: Decision) -> bool:
    """Is it one of the limited tries? To end a recreate is no try of its own."""
    return decision.trigger.is_automatic and not decision.settles


def _act_deadline_mono(event: DecisionMade) -> float:
    decision = event.decision
    takes_s = decision.stop_timeout_s + decision.polite_stop_s + ACT_MARGIN_S
    return event.at.mono + takes_s


def _begin_remedy(instance: Instance, event: DecisionMade) -> Instance:
    decision = event.decision
    remedy = Remedy(
        decision,
        RemedyPhase.ACTING,
        event.at,
        _act_deadline_mono(event),
        instance.health.first_failure_mono or instance.exited_mono,
        balance=balance_check.balance_before_remedy(instance),
        addresses=instance.addresses,
    )
    lane, counted = instance.lane, instance.counted_mono
    if _is_try(decision):
        now = event.at.mono
        lane = retry_budget.count_try(lane, now)
        counted = (*restart_rate.within_hour(counted, now), now)
    return replace(
        recreation.note_begin(instance, decision),
        remedy=remedy,
        lane=lane,
        counted_mono=counted,
        must_restart=False,
        treated=decision.run,
        overlap=RestartOverlap(since_mono=event.at.mono),
    )
