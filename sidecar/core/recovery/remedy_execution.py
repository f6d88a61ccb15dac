"""The execution of a remedy: what the executor tells of it, and what is taken back."""

from dataclasses import replace

from sidecar.core.model import restart_overlap
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.event import (
    RemedyCallResult,
    RemedyExecuted,
    RemedyProgressed,
)
from sidecar.core.model.instance import Instance, Remedy, RemedyPhase, StopOrigin
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.restart_overlap import RestartOverlap
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.model.update import (
    Update,
    replace_instances,
    unchanged,
    update_instance,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.recovery import (
    balance_check,
    engine_permission,
    restart_rate,
    retry_budget,
    wallet_load,
)
from sidecar.core.recovery.remedy_end import (
    end_remedy,
)
from sidecar.core.status import container_run
from sidecar.core.status.start_period import check_start_s
from sidecar.core.status.streaks import HELD_S, SLOW_CALL_S, add_result


def on_remedy_executed(state: State, event: RemedyExecuted) -> Update:
    """The executor tells what became of what it was to do."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return unchanged(state)
    if instance.loading is not None:
        return end_wallet_load(state, instance, event.result, event.at, event.reason)
    remedy = instance.remedy
    if remedy is None or remedy.phase is not RemedyPhase.ACTING:
        return unchanged(state)
    if remedy.decision.action is Action.STOP:
        return _on_stopped_again(state, instance, event)
    instance = engine_permission.remember_refusal(instance, remedy, event)
    if event.result in {RemedyCallResult.NOT_SENT, RemedyCallResult.REFUSED}:
        return _on_not_sent(state, instance, event)
    return _on_sent(state, instance, remedy, event)


def _on_sent(
    state: State, instance: Instance, remedy: Remedy, event: RemedyExecuted
) -> Update:
    """The engine was asked; where it did not refuse, the probes judge."""
    sent = replace(instance, restarts_total=instance.restarts_total + 1)
    if event.result is RemedyCallResult.FAILED:
        seen = _attach_seen(replace(sent, restarted=event.at), event)
        return end_remedy(state, seen, RemedyOutcome.FAILED, event.reason, event.at)
    target = state.target_of(instance)
    recovery_s = target.restart.recovery_timeout_s + check_start_s(instance, target)
    verifying = replace(
        remedy,
        phase=RemedyPhase.VERIFYING,
        deadline_mono=event.at.mono + recovery_s,
        note=event.reason,
        uncertain=event.result is RemedyCallResult.UNKNOWN,
    )
    seen = _attach_seen(replace(sent, remedy=verifying, restarted=event.at), event)
    if seen.container is None or seen.redeploy is not None:
        return update_instance(state, replace(seen, overlap=RestartOverlap()))
    run_id = seen.container.run
    part = restart_overlap.end_own_part(
        seen.overlap, event.engine_stops, run_id, event.at
    )
    return update_instance(state, replace(seen, overlap=part))


def _on_stopped_again(
    state: State, instance: Instance, event: RemedyExecuted
) -> Update:
    """What an operator had stopped is stopped; or it is said why not."""
    if event.result in {RemedyCallResult.FAILED, RemedyCallResult.REFUSED}:
        failed = RemedyOutcome.FAILED
        return end_remedy(state, instance, failed, event.reason, event.at)
    over = _attach_seen(replace(instance, remedy=None), event)
    if container_run.has_stopped(over):
        over = replace(over, stop=StopOrigin.SEEN)
    return update_instance(state, over)


def on_remedy_progressed(state: State, event: RemedyProgressed) -> Update:
    """The executor tells what is being waited for."""
    instance = state.instances.get(event.instance)
    remedy = instance.remedy if instance is not None else None
    if instance is None or remedy is None or remedy.phase is not RemedyPhase.ACTING:
        return unchanged(state)
    told = replace(remedy, note=event.doing)
    return update_instance(state, replace(instance, remedy=told))


def _attach_seen(instance: Instance, event: RemedyExecuted) -> Instance:
    known, seen = instance.container, event.container
    if seen is None or (known is not None and known.id != seen.id):
        return instance
    return container_run.attach_container(instance, seen, event.at)


def _on_not_sent(state: State, instance: Instance, event: RemedyExecuted) -> Update:
    """Nothing happened: nothing is counted, but do not spin."""
    remedy = instance.remedy
    if remedy is not None and remedy.uncertain:
        return _on_takeover_not_sent(state, instance, remedy, event)
    uncounted = event.answered or event.result is RemedyCallResult.REFUSED
    if retry_budget.is_unsent_too_often(instance.lane) and not uncounted:
        return _give_up_sending(state, _attach_seen(instance, event), event)
    after = revert_remedy(state, instance, event.at)
    back = after.instances[instance.id]
    if event.result is RemedyCallResult.REFUSED and _has_stopped(event):
        # When asked by us: the engine's word came after the daemon's own end.
        back = replace(back, treated=instance.treated)
    attached = _attach_seen(back, event)
    if event.answered:
        attached = _on_late_answer(attached, state.target_of(instance), event)
    return update_instance(after, attached)


def _on_takeover_not_sent(
    state: State, instance: Instance, remedy: Remedy, event: RemedyExecuted
) -> Update:
    """A predecessor's: what it sent itself may have come to its end just now.

    Others wait meanwhile, so it is not tried for ever.
    """
    attached = _attach_seen(instance, event)
    if event.result is RemedyCallResult.REFUSED:
        failed = RemedyOutcome.FAILED
        return end_remedy(state, attached, failed, event.reason, event.at)
    if retry_budget.is_unsent_too_often(instance.lane) and not event.answered:
        return _give_up_sending(state, attached, event)
    lane = replace(instance.lane, unsent=instance.lane.unsent + 1)
    taken = replace(remedy, phase=RemedyPhase.TAKEN_OVER, deadline_mono=event.at.mono)
    return update_instance(
        state, _attach_seen(replace(instance, remedy=taken, lane=lane), event)
    )


def _give_up_sending(state: State, instance: Instance, event: RemedyExecuted) -> Update:
    """It counts as a try, and so does the next that cannot be sent either."""
    reason = Reason.of(R.NEVER_SENT, reason=event.reason)
    ended = end_remedy(state, instance, RemedyOutcome.FAILED, reason, event.at)
    after = ended.state.instances[instance.id]
    lane = replace(after.lane, unsent=instance.lane.unsent)
    return ended._replace(
        state=replace_instances(ended.state, replace(after, lane=lane))
    )


def _has_stopped(event: RemedyExecuted) -> bool:
    return event.container is not None and event.container.status is not Status.RUNNING


def _on_late_answer(
    instance: Instance, target: Target, event: RemedyExecuted
) -> Instance:
    """Its answer, however late, ends the suspicion: it was busy."""
    busy = probe_failure(Cause.THREAD_HELD, event.reason, rpc_answers=True)
    late = replace(busy, waited_s=SLOW_CALL_S)
    now = event.at.mono
    health = add_result(instance.health, target, late, now, event.at, starting=False)
    return replace(instance, health=health, was_away=False)


def revert_remedy(state: State, instance: Instance, at: Moment) -> State:
    """As if the remedy had not been decided on."""
    remedy = instance.remedy
    decision = remedy.decision if remedy is not None else None
    untouched = replace(instance, remedy=None, treated=None)
    if decision is not None and decision.trigger.is_automatic:
        began = remedy.began.mono if remedy is not None else at.mono
        lane = retry_budget.revert_try(instance.lane, at.mono)
        counted = restart_rate.without_restart(instance.counted_mono, began)
        untouched = replace(untouched, lane=lane, counted_mono=counted)
        state = replace(
            state, restarts=restart_rate.without_restart(state.restarts, began)
        )
    elif decision is not None and decision.trigger is Trigger.PLANNED:
        state = replace(state, plan=None)
    return replace_instances(state, untouched)


def end_wallet_load(
    state: State,
    instance: Instance,
    result: RemedyCallResult,
    at: Moment,
    reason: Reason = NO_REASON,
) -> Update:
    """``load_wallet`` came to an end, or to none in time: the probes judge."""
    decision = instance.loading
    settings = state.target_of(instance).restart
    lane = wallet_load.lane_after_load(instance, settings, result, at, reason)
    health = instance.health
    if decision is not None and at.mono - decision.at.mono >= HELD_S:
        # No probe could tell meanwhile that the daemon keeps its callers waiting.
        health = replace(health, held_mono=at.mono)
    called = replace(
        instance,
        health=health,
        loading=None,
        load_lane=lane,
        load_failure=reason if result is RemedyCallResult.FAILED else NO_REASON,
        called_mono=at.mono,
    )
    if decision is None or result is not RemedyCallResult.DONE or called.remedy:
        return update_instance(state, called)
    remedy = Remedy(
        decision,
        RemedyPhase.VERIFYING,
        at,
        at.mono + settings.recovery_timeout_s,
        instance.health.first_failure_mono,
        balance=balance_check.balance_before_remedy(instance),
        addresses=instance.addresses,
    )
    return update_instance(state, replace(called, remedy=remedy))
