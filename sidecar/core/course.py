"""The course of a remedy: decided on, carried out, verified, ended."""

import math
from dataclasses import replace

from sidecar.core import (
    balance,
    brake,
    budget,
    ending,
    following,
    loads,
    loop,
    overlap,
    permission,
    plan,
    run,
    standing,
)
from sidecar.core.boot import check_start_s
from sidecar.core.container import Status
from sidecar.core.decision import Action, Decision, Trigger
from sidecar.core.event import (
    ActResult,
    Decided,
    RemedyActed,
    RemedyProgressed,
)
from sidecar.core.folded import Folded, one, put, put_incident, same
from sidecar.core.health import HELD_S, SLOW_CALL_S, observe
from sidecar.core.judge import current_cause, last_reason
from sidecar.core.ledger import note_outcome
from sidecar.core.manner import is_kept_waiting
from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause, failure
from sidecar.core.overlap import Overlap
from sidecar.core.own_network import is_blind
from sidecar.core.restore import clarified
from sidecar.core.state import (
    Instance,
    Phase,
    Remedy,
    State,
    StopSeen,
)
from sidecar.core.target import InstanceId, Target
from sidecar.core.transition import (
    RemedyEnded,
    RemedyOutcome,
)

ACT_MARGIN_S = 150.0
"""Beyond the stop timeout; more than the executor takes, who ends everything that
he begins. What goes on longer was never begun, or its end was lost.
"""

BUSY_TIMES = 2
"""So many silences may a busy daemon's verification take longer."""

_RESTARTS = frozenset({Action.START, Action.RESTART})


def decided(state: State, event: Decided) -> Folded:
    """A decision is noted; a remedy that it begins is counted."""
    decision = event.decision
    instance = state.instances.get(decision.instance)
    if instance is None:
        return same(state)
    after = put(state, _noted(instance, event))
    if _finishes(instance, decision):
        return Folded(after, (), (instance.id,))
    after = _with_follower(after, instance, decision)
    if _counts(decision):
        recent = brake.within_hour(state.restarts, event.at.mono)
        after = replace(after, restarts=(*recent, event.at.mono))
    if decision.trigger is Trigger.PLANNED:
        after = plan.moved(after, decision, event.at)
    return Folded(after, (), (instance.id,))


def _with_follower(state: State, instance: Instance, decision: Decision) -> State:
    incident = state.incidents.get(instance.incident or "")
    if incident is None:
        return state
    told = following.restarted_after(incident, decision)
    return state if told is incident else put_incident(state, told)


def _noted(instance: Instance, event: Decided) -> Instance:
    decision = event.decision
    noted = loop.paged(replace(instance, last_decision=decision), decision)
    noted = following.noted(noted, decision)
    if decision.trigger is Trigger.OPERATOR:
        noted = replace(noted, asked=False, asked_now=False)
    if decision.action is Action.LOOK:
        now = event.at.mono
        return replace(noted, looked=decision.run, looked_mono=now)
    if decision.action is Action.LOAD_WALLET:
        lane = budget.spend(noted.load_lane, event.at.mono)
        return replace(noted, loading=decision, load_lane=lane)
    if _finishes(instance, decision):
        return _goes_on(noted, event)
    if decision.action.changes_something:
        return _remedy_begins(noted, event)
    return noted


def _finishes(instance: Instance, decision: Decision) -> bool:
    """Is it the end of what a dead predecessor began?"""
    return decision.action in _RESTARTS and instance.remedy is not None


def _goes_on(instance: Instance, event: Decided) -> Instance:
    """The remedy is the one that was begun: no further try is counted."""
    remedy = instance.remedy
    if remedy is None:
        return instance
    acting = replace(remedy, phase=Phase.ACTING, deadline_mono=_act_until(event))
    return replace(
        instance,
        remedy=acting,
        treated=event.decision.run,
        overlap=Overlap(since_mono=event.at.mono),
    )


def _counts(decision: Decision) -> bool:
    """Does it bring the storm brake nearer? What people want is no storm."""
    return decision.action in _RESTARTS and decision.trigger.is_automatic


def _act_until(event: Decided) -> float:
    decision = event.decision
    takes_s = decision.stop_timeout_s + decision.polite_stop_s + ACT_MARGIN_S
    return event.at.mono + takes_s


def _remedy_begins(instance: Instance, event: Decided) -> Instance:
    decision = event.decision
    remedy = Remedy(
        decision,
        Phase.ACTING,
        event.at,
        _act_until(event),
        instance.health.first_failure_mono or instance.exited_mono,
        balance=balance.before(instance),
        addresses=instance.addresses,
    )
    lane, counted = instance.lane, instance.counted_mono
    if decision.trigger.is_automatic:
        now = event.at.mono
        lane = budget.spend(lane, now)
        counted = (*brake.within_hour(counted, now), now)
    return replace(
        instance,
        remedy=remedy,
        lane=lane,
        counted_mono=counted,
        must_restart=False,
        treated=decision.run,
        overlap=Overlap(since_mono=event.at.mono),
    )


def acted(state: State, event: RemedyActed) -> Folded:
    """The executor tells what became of what it was to do."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return same(state)
    if instance.loading is not None:
        return wallet_called(state, instance, event.result, event.at, event.reason)
    remedy = instance.remedy
    if remedy is None or remedy.phase is not Phase.ACTING:
        return same(state)
    if remedy.decision.action is Action.STOP:
        return _stopped_again(state, instance, event)
    instance = permission.remember_refusal(instance, remedy, event)
    if event.result in {ActResult.NOT_SENT, ActResult.REFUSED}:
        return _not_sent(state, instance, event)
    return _sent(state, instance, remedy, event)


def _sent(
    state: State, instance: Instance, remedy: Remedy, event: RemedyActed
) -> Folded:
    """The engine was asked; where it did not refuse, the probes judge."""
    sent = replace(instance, restarts_total=instance.restarts_total + 1)
    if event.result is ActResult.FAILED:
        seen = _attached(replace(sent, restarted=event.at), event)
        return end_remedy(state, seen, RemedyOutcome.FAILED, event.reason, event.at)
    target = state.target_of(instance)
    recovery_s = target.restart.recovery_timeout_s + check_start_s(instance, target)
    verifying = replace(
        remedy,
        phase=Phase.VERIFYING,
        deadline_mono=event.at.mono + recovery_s,
        note=event.reason,
        uncertain=event.result is ActResult.UNKNOWN,
    )
    seen = _attached(replace(sent, remedy=verifying, restarted=event.at), event)
    if seen.container is None or seen.redeploy is not None:
        return one(state, replace(seen, overlap=Overlap()))
    run_id = seen.container.run
    part = overlap.end_own_part(seen.overlap, event.engine_stops, run_id, event.at)
    return one(state, replace(seen, overlap=part))


def _stopped_again(state: State, instance: Instance, event: RemedyActed) -> Folded:
    """What an operator had stopped is stopped; or it is said why not."""
    if event.result in {ActResult.FAILED, ActResult.REFUSED}:
        failed = RemedyOutcome.FAILED
        return end_remedy(state, instance, failed, event.reason, event.at)
    over = _attached(replace(instance, remedy=None), event)
    if run.has_stopped(over):
        over = replace(over, stop=StopSeen.SEEN)
    return one(state, over)


def progressed(state: State, event: RemedyProgressed) -> Folded:
    """The executor tells what is being waited for."""
    instance = state.instances.get(event.instance)
    remedy = instance.remedy if instance is not None else None
    if instance is None or remedy is None or remedy.phase is not Phase.ACTING:
        return same(state)
    told = replace(remedy, note=event.doing)
    return one(state, replace(instance, remedy=told))


def _attached(instance: Instance, event: RemedyActed) -> Instance:
    known, seen = instance.container, event.container
    if seen is None or (known is not None and known.id != seen.id):
        return instance
    return run.attach(instance, seen, event.at)


def _not_sent(state: State, instance: Instance, event: RemedyActed) -> Folded:
    """Nothing happened: nothing is counted, but do not spin."""
    remedy = instance.remedy
    if remedy is not None and remedy.uncertain:
        return _not_finished(state, instance, remedy, event)
    uncounted = event.answered or event.result is ActResult.REFUSED
    if budget.is_unsent_too_often(instance.lane) and not uncounted:
        return _never_sent(state, _attached(instance, event), event)
    after = _taken_back(state, instance, event.at)
    back = after.instances[instance.id]
    if event.result is ActResult.REFUSED and _has_stopped(event):
        # When asked by us: the engine's word came after the daemon's own end.
        back = replace(back, treated=instance.treated)
    attached = _attached(back, event)
    if event.answered:
        attached = _answered(attached, state.target_of(instance), event)
    return one(after, attached)


def _not_finished(
    state: State, instance: Instance, remedy: Remedy, event: RemedyActed
) -> Folded:
    """A predecessor's: what it sent itself may have come to its end just now.

    Others wait meanwhile, so it is not tried for ever.
    """
    attached = _attached(instance, event)
    if event.result is ActResult.REFUSED:
        failed = RemedyOutcome.FAILED
        return end_remedy(state, attached, failed, event.reason, event.at)
    if budget.is_unsent_too_often(instance.lane) and not event.answered:
        return _never_sent(state, attached, event)
    lane = replace(instance.lane, unsent=instance.lane.unsent + 1)
    taken = replace(remedy, phase=Phase.TAKEN_OVER, deadline_mono=event.at.mono)
    return one(state, _attached(replace(instance, remedy=taken, lane=lane), event))


def _never_sent(state: State, instance: Instance, event: RemedyActed) -> Folded:
    """It counts as a try, and so does the next that cannot be sent either."""
    reason = f"it could not be sent, again and again: {event.reason}"
    ended = end_remedy(state, instance, RemedyOutcome.FAILED, reason, event.at)
    after = ended.state.instances[instance.id]
    lane = replace(after.lane, unsent=instance.lane.unsent)
    return ended._replace(state=put(ended.state, replace(after, lane=lane)))


def _has_stopped(event: RemedyActed) -> bool:
    return event.container is not None and event.container.status is not Status.RUNNING


def _answered(instance: Instance, target: Target, event: RemedyActed) -> Instance:
    """Its answer, however late, ends the suspicion: it was busy."""
    busy = failure(Cause.THREAD_HELD, event.reason, rpc_answers=True)
    late = replace(busy, waited_s=SLOW_CALL_S)
    now = event.at.mono
    health = observe(instance.health, target, late, now, event.at, starting=False)
    return replace(instance, health=health, was_away=False)


def _taken_back(state: State, instance: Instance, at: Moment) -> State:
    """As if the remedy had not been decided on."""
    remedy = instance.remedy
    decision = remedy.decision if remedy is not None else None
    untouched = replace(instance, remedy=None, treated=None)
    if decision is not None and decision.trigger.is_automatic:
        began = remedy.began.mono if remedy is not None else at.mono
        lane = budget.unsent(instance.lane, at.mono)
        counted = brake.without(instance.counted_mono, began)
        untouched = replace(untouched, lane=lane, counted_mono=counted)
        state = replace(state, restarts=brake.without(state.restarts, began))
    elif decision is not None and decision.trigger is Trigger.PLANNED:
        state = replace(state, plan=None)
    return put(state, untouched)


def wallet_called(
    state: State, instance: Instance, result: ActResult, at: Moment, reason: str = ""
) -> Folded:
    """``load_wallet`` came to an end, or to none in time: the probes judge."""
    decision = instance.loading
    settings = state.target_of(instance).restart
    lane = loads.lane_after(instance, settings, result, at, reason)
    health = instance.health
    if decision is not None and at.mono - decision.at.mono >= HELD_S:
        # No probe could tell meanwhile that the daemon keeps its callers waiting.
        health = replace(health, held_mono=at.mono)
    called = replace(
        instance,
        health=health,
        loading=None,
        load_lane=lane,
        load_failure=reason if result is ActResult.FAILED else "",
        called_mono=at.mono,
    )
    if decision is None or result is not ActResult.DONE or called.remedy:
        return one(state, called)
    remedy = Remedy(
        decision,
        Phase.VERIFYING,
        at,
        at.mono + settings.recovery_timeout_s,
        instance.health.first_failure_mono,
        balance=balance.before(instance),
        addresses=instance.addresses,
    )
    return one(state, replace(called, remedy=remedy))


def end_remedy(
    state: State, instance: Instance, outcome: RemedyOutcome, reason: str, at: Moment
) -> Folded:
    """It is over: noted, with what the wallet held, and counted."""
    remedy = instance.remedy
    if remedy is None:
        return same(state)
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
    instance, compared = balance.at_end(instance, state.target_of(instance), ended)
    without = note_outcome(put(state, replace(instance, remedy=None)), ended)
    after = _with_lanes(without, without.instances[instance.id], ended)
    without = put(without, after)
    if decision.trigger is Trigger.PLANNED and not recovered:
        without = replace(without, plan=None)
    without = put(without, *standing.with_clocks_anew(without, after, remedy, at))
    return Folded(without, (ended, *compared), (instance.id,))


def _with_lanes(state: State, instance: Instance, ended: RemedyEnded) -> Instance:
    """Tries are given back by what was observed, and counted where it did not help.

    In a crash loop to have answered is not to have recovered.
    """
    helped = ended.outcome is RemedyOutcome.RECOVERED and not instance.looping
    if helped:
        return replace(instance, lane=budget.Lane(), load_lane=budget.Lane())
    if ended.action not in _RESTARTS:
        return instance
    settings = state.target_of(instance).restart
    lane = budget.failed(instance.lane, settings, instance.id, ended.at.mono)
    return replace(instance, lane=lane)


def verify(state: State, who: InstanceId, at: Moment) -> Folded:
    """Does what is open end here: by health, in vain, or at its deadline?"""
    known = state.instances[who]
    recovery_s = state.target_of(known).restart.recovery_timeout_s
    instance = clarified(known, recovery_s, at)
    if instance is not known:
        state = put(state, instance)
    loading, remedy = instance.loading, instance.remedy
    if loading is not None and at.mono >= _loaded_until(loading):
        return wallet_called(state, instance, ActResult.UNKNOWN, at)
    if remedy is None:
        return same(state)
    if _was_needless(instance, state.target_of(instance), remedy, at):
        return same(_taken_back(state, instance, at))
    found = _ending(state, instance, remedy, at)
    over_mono = _over_mono(instance, state.target_of(instance), remedy, at)
    is_late = at.mono >= over_mono and not standing.is_halted(state, instance, at)
    if found is None and is_late:
        found = _at_deadline(instance, remedy)
    return same(state) if found is None else end_remedy(state, instance, *found, at)


def _was_needless(
    instance: Instance, target: Target, remedy: Remedy, at: Moment
) -> bool:
    """Did a dead predecessor not come to send what has become needless since?"""
    if remedy.phase is not Phase.TAKEN_OVER or at.mono < remedy.deadline_mono:
        return False
    if not remedy.decision.trigger.is_automatic or not run.is_running(instance):
        return False
    return ending.has_recovered(instance, target, remedy)


def _loaded_until(loading: Decision) -> float:
    return loading.at.mono + loading.polite_stop_s + ACT_MARGIN_S


def _over_mono(instance: Instance, target: Target, remedy: Remedy, at: Moment) -> float:
    """When it is given up. What a dead predecessor began gets time to be finished;
    a container that it left stopped is started, however long that takes. A daemon that
    others keep busy answers each call late, and a load has several.
    """
    if remedy.phase is Phase.ACTING:
        return remedy.deadline_mono
    if remedy.phase is Phase.VERIFYING:
        wallet = target.wallet
        if wallet is None or not is_kept_waiting(instance, target, at.mono):
            return remedy.deadline_mono
        return remedy.deadline_mono + BUSY_TIMES * wallet.hang_after_outage_s
    if run.has_stopped(instance):
        return math.inf
    return remedy.deadline_mono + ACT_MARGIN_S


def _ending(
    state: State, instance: Instance, remedy: Remedy, at: Moment
) -> ending.Ending | None:
    if remedy.phase is Phase.VERIFYING:
        if run.undid_a_stop(instance, at.mono):
            return ending.STOPPED_MEANWHILE
        if ending.has_recovered(instance, state.target_of(instance), remedy):
            return ending.Ending(RemedyOutcome.RECOVERED, _helped(instance))
        return ending.cut_short(state, instance, remedy, at)
    taken_over = remedy.phase is Phase.TAKEN_OVER
    if taken_over and run.stopped_by_person(instance):
        return ending.STOPPED_MEANWHILE
    return None


def _helped(instance: Instance) -> str:
    cause = current_cause(instance)
    if cause is None:
        return "it works"
    return f"it runs, answers and has its wallet; what is left: {last_reason(instance)}"


def _at_deadline(instance: Instance, remedy: Remedy) -> ending.Ending:
    if remedy.phase is not Phase.VERIFYING:
        reason = "the remedy did not end in time and was given up"
        return ending.Ending(RemedyOutcome.UNKNOWN, reason)
    last = instance.health.last
    reason = last.reason if last is not None else "no probe answered"
    if is_blind(instance.health):
        reason = "whether it helped is not known: Sidecar's own network is lost"
        return ending.Ending(RemedyOutcome.UNKNOWN, reason)
    if remedy.uncertain:
        reason = f"{remedy.note}; {reason}"
    return ending.Ending(RemedyOutcome.NOT_RECOVERED, reason)
