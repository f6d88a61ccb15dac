"""Execution of a remedy: results from the executor, and remedies that are reverted."""

from sidecar.core.model import restart_overlap
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import (
    RemedyCallResult,
    RemedyExecuted,
    RemedyProgressed,
)
from sidecar.core.model.instance import Instance, Remedy, RemedyPhase, StopOrigin
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.record_copy import replace
from sidecar.core.model.restart_overlap import RestartOverlap
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.model.update import (
    Update,
    no_update,
    replace_instances,
    update_instance,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.recovery import (
    balance_check,
    engine_permission,
    planned_restart,
    recreate_execution,
    recreation,
    restart_rate,
    retry_budget,
    wallet_load,
)
from sidecar.core.recovery.remedy_end import end_remedy
from sidecar.core.recovery.verification_begin import begin_verification
from sidecar.core.status import container_run
from sidecar.core.status.last_seen import note_last_seen
from sidecar.core.status.streaks import KEPT_WAITING_S, SLOW_CALL_S, add_result


def on_remedy_executed(state: State, event: RemedyExecuted) -> Update:
    """Work in the result that the executor reports."""
    instance = state.instances.get(event.instance)
    if instance is None:
        return no_update(state)
    if instance.loading is not None:
        return end_wallet_load(state, instance, event.result, event.at, event.reason)
    remedy = instance.remedy
    if remedy is None or remedy.phase is not RemedyPhase.ACTING:
        return no_update(state)
    instance = note_last_seen(instance, state.engine.listed_mono)
    if remedy.decision.action is Action.STOP:
        return _on_stopped_again(state, instance, event)
    instance = engine_permission.remember_refusal(instance, remedy, event)
    settled = _settle(state, instance, remedy, event) if event.settled else None
    return settled or _on_result(state, instance, remedy, event)


def _on_result(
    state: State, instance: Instance, remedy: Remedy, event: RemedyExecuted
) -> Update:
    if event.replaced and not remedy.decision.trigger.is_automatic:
        attached = _attach_reported_container(instance, event)
        verified = begin_verification(state, attached, remedy, event)
        return update_instance(state, replace(verified, overlap=RestartOverlap()))
    if event.result in {RemedyCallResult.NOT_SENT, RemedyCallResult.REFUSED}:
        return _on_not_sent(state, instance, event)
    return _on_sent(state, instance, remedy, event)


def _settle(
    state: State, instance: Instance, remedy: Remedy, event: RemedyExecuted
) -> Update | None:
    """Work in the end of an earlier recreate; None: it ends its remedy."""
    attached = _attach_reported_container(instance, event)
    return recreate_execution.on_settled(state, attached, remedy, event)


def _on_sent(
    state: State, instance: Instance, remedy: Remedy, event: RemedyExecuted
) -> Update:
    """Begin the verification by probes, unless the engine reported a failure."""
    counted = replace(
        instance, restarts_total=instance.restarts_total + 1, set_aside=""
    )
    if event.result is RemedyCallResult.FAILED:
        attached = _attach_reported_container(
            replace(counted, restarted=event.at), event
        )
        return end_remedy(state, attached, RemedyOutcome.FAILED, event.reason, event.at)
    verified = begin_verification(state, counted, remedy, event)
    attached = _attach_reported_container(replace(verified, restarted=event.at), event)
    if (
        attached.container is None
        or attached.redeploy is not None
        or engine_permission.is_recreate(remedy)
    ):
        return update_instance(state, replace(attached, overlap=RestartOverlap()))
    run_id = attached.container.run
    part = restart_overlap.end_own_part(
        attached.overlap, event.engine_stops, run_id, event.at
    )
    return update_instance(state, replace(attached, overlap=part))


def _on_stopped_again(
    state: State, instance: Instance, event: RemedyExecuted
) -> Update:
    """End the repeated stop of a target that an operator had stopped."""
    if event.result in {RemedyCallResult.FAILED, RemedyCallResult.REFUSED}:
        failed = RemedyOutcome.FAILED
        return end_remedy(state, instance, failed, event.reason, event.at)
    updated = _attach_reported_container(replace(instance, remedy=None), event)
    if container_run.has_stopped(updated):
        updated = replace(updated, stop=StopOrigin.SEEN)
    return update_instance(state, updated)


def on_remedy_progressed(state: State, event: RemedyProgressed) -> Update:
    """Note for what the executor waits now."""
    instance = state.instances.get(event.instance)
    remedy = instance.remedy if instance is not None else None
    if instance is None or remedy is None or remedy.phase is not RemedyPhase.ACTING:
        return no_update(state)
    noted = replace(remedy, note=event.doing)
    return update_instance(state, replace(instance, remedy=noted))


def _attach_reported_container(instance: Instance, event: RemedyExecuted) -> Instance:
    present, reported, remedy = instance.container, event.container, instance.remedy
    if reported is None:
        return instance
    recreates = remedy is not None and remedy.decision.action is Action.RECREATE
    is_other = present is not None and present.id != reported.id
    if is_other and not (recreates or event.settled):
        return instance
    return container_run.attach_container(instance, reported, event.at)


def _on_not_sent(state: State, instance: Instance, event: RemedyExecuted) -> Update:
    """Revert a remedy that was not sent: it is no try, but the next one waits."""
    remedy = instance.remedy
    if remedy is not None and remedy.uncertain:
        return _on_takeover_not_sent(state, instance, remedy, event)
    uncounted = event.answered or event.result is RemedyCallResult.REFUSED
    if retry_budget.is_unsent_too_often(instance.lane) and not uncounted:
        return _give_up_sending(
            state, _attach_reported_container(instance, event), event
        )
    after = revert_remedy(state, instance, event.at)
    reverted = after.instances[instance.id]
    is_refused = event.result is RemedyCallResult.REFUSED
    if is_refused and remedy is not None and engine_permission.is_recreate(remedy):
        attached = _attach_reported_container(reverted, event)
        return recreate_execution.on_refused(after, attached, remedy, event)
    if event.result is RemedyCallResult.REFUSED and _has_stopped(event):
        # Sidecar's stop request ended the daemon before the engine's refusal came.
        reverted = replace(reverted, treated=instance.treated)
    attached = _attach_reported_container(reverted, event)
    if event.answered:
        attached = _on_late_answer(attached, state.target_of(instance), event)
    return update_instance(after, attached)


def _on_takeover_not_sent(
    state: State, instance: Instance, remedy: Remedy, event: RemedyExecuted
) -> Update:
    """Keep a remedy of a dead process, whose own call may have ended just now.

    Other remedies wait meanwhile, so the number of tries is limited.
    """
    attached = _attach_reported_container(instance, event)
    if event.result is RemedyCallResult.REFUSED:
        failed = RemedyOutcome.FAILED
        return end_remedy(state, attached, failed, event.reason, event.at)
    if retry_budget.is_unsent_too_often(instance.lane) and not event.answered:
        return _give_up_sending(state, attached, event)
    lane = replace(instance.lane, unsent=instance.lane.unsent + 1)
    taken_over = replace(
        remedy, phase=RemedyPhase.TAKEN_OVER, deadline_mono=event.at.mono
    )
    return update_instance(
        state,
        _attach_reported_container(
            replace(instance, remedy=taken_over, lane=lane), event
        ),
    )


def _give_up_sending(state: State, instance: Instance, event: RemedyExecuted) -> Update:
    """Count it as a failed try, and the next one that cannot be sent as well."""
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
    """Note the daemon's late answer, which shows that it was only busy."""
    busy = probe_failure(Cause.THREAD_HELD, event.reason, rpc_answers=True)
    late = replace(busy, waited_s=SLOW_CALL_S)
    now = event.at.mono
    health = add_result(instance.health, target, late, now, event.at, starting=False)
    return replace(instance, health=health, was_away=False)


def revert_remedy(state: State, instance: Instance, at: Moment) -> State:
    """Undo the decision for the remedy, with all that was counted for it."""
    remedy = instance.remedy
    decision = remedy.decision if remedy is not None else None
    untouched = replace(
        recreation.note_reverted(instance, decision), remedy=None, treated=None
    )
    if decision is not None and decision.trigger.is_automatic and not decision.settles:
        began_mono = remedy.began.mono if remedy is not None else at.mono
        lane = retry_budget.revert_try(instance.lane, at.mono)
        counted = restart_rate.without_restart(instance.counted_mono, began_mono)
        untouched = replace(untouched, lane=lane, counted_mono=counted)
        state = replace(
            state, restarts=restart_rate.without_restart(state.restarts, began_mono)
        )
    elif decision is not None:
        state = planned_restart.stop_plan(state, instance, decision.trigger)
    return replace_instances(state, untouched)


def end_wallet_load(
    state: State,
    instance: Instance,
    result: RemedyCallResult,
    at: Moment,
    reason: Reason = NO_REASON,
) -> Update:
    """End a load, by its result or its deadline, and begin its verification."""
    decision = instance.loading
    settings = state.target_of(instance).restart
    lane = wallet_load.lane_after_load(instance, settings, result, at, reason)
    health = instance.health
    if decision is not None and at.mono - decision.at.mono >= KEPT_WAITING_S:
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
