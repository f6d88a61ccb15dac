"""When and how the verification of a remedy ends."""

import math
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import BEYOND_REMEDIES
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.instance import Instance, Remedy, RemedyPhase
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyOutcome
from sidecar.core.model.update import Update, no_update, replace_instances
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import verification_pause
from sidecar.core.recovery.polite_stop import is_kept_waiting
from sidecar.core.recovery.remedy_begin import ACT_MARGIN_S
from sidecar.core.recovery.remedy_end import end_remedy
from sidecar.core.recovery.remedy_execution import (
    end_wallet_load,
    revert_remedy,
)
from sidecar.core.recovery.takeover import detect_completed_restart
from sidecar.core.status import container_run
from sidecar.core.status.current_cause import current_cause, last_reason
from sidecar.core.status.dependencies import blocking_dependencies
from sidecar.core.status.streaks import is_certain


class VerificationResult(NamedTuple):
    """Outcome of a remedy, and the reason for it."""

    outcome: RemedyOutcome
    reason: Reason


STOPPED_MEANWHILE = VerificationResult(
    RemedyOutcome.UNKNOWN, Reason.of(R.STOPPED_MEANWHILE)
)


def has_recovered(instance: Instance, target: Target, remedy: Remedy) -> bool:
    """Has the target answered well often enough since the remedy began?

    A started daemon that answers and has its wallets has recovered, even where its
    upstream server is lost meanwhile.
    """
    health = instance.health
    last = health.last_success_mono
    if last is not None and last >= remedy.began.mono and health.up is True:
        return True
    if remedy.decision.cause in BEYOND_REMEDIES or health.last_at is None:
        return False
    since_mono = health.last_at.mono - health.last_seconds
    has_enough_successes = health.serves >= target.cadence.success_threshold
    return has_enough_successes and since_mono >= remedy.began.mono


def end_early(
    state: State, instance: Instance, remedy: Remedy, at: Moment
) -> VerificationResult | None:
    """Result that makes more waiting useless, since other remedies wait; None: none."""
    if container_run.is_stopped_by_person(instance):
        return STOPPED_MEANWHILE
    if _has_new_run_ended(instance):
        return VerificationResult(
            RemedyOutcome.NOT_RECOVERED, Reason.of(R.EXITED_AGAIN)
        )
    if _is_in_crash_loop(instance, remedy):
        reason = Reason.of(R.EXITED_AGAIN_AND_AGAIN)
        return VerificationResult(RemedyOutcome.NOT_RECOVERED, reason)
    if _has_daemon_died(instance, state.target_of(instance), at):
        reason = Reason.of(R.PORT_CLOSED_AGAIN, reason=last_reason(instance))
        return VerificationResult(RemedyOutcome.NOT_RECOVERED, reason)
    for root in blocking_dependencies(state, instance.id.target):
        if root.state is TargetState.DOWN:
            reason = Reason.of(R.DEPENDENCY_WENT_DOWN, root=root.name)
            return VerificationResult(RemedyOutcome.UNKNOWN, reason)
    return None


def _has_new_run_ended(instance: Instance) -> bool:
    """Has the new run ended? The treated run may be reported once more, late."""
    container = instance.container
    return (
        container is not None
        and container.status in {Status.EXITED, Status.DEAD}
        and not container.engine_restarts_it
        and container.run != instance.treated
    )


def _is_in_crash_loop(instance: Instance, remedy: Remedy) -> bool:
    """Is it in a crash loop, and did it die since the remedy began?

    A load goes on: the next run of the loop may be the one that lasts.
    """
    if not instance.looping or remedy.decision.action is Action.LOAD_WALLET:
        return False
    return any(exited > remedy.began.mono for exited in instance.exits)


def _has_daemon_died(instance: Instance, target: Target, at: Moment) -> bool:
    """Has the daemon of the new run died in a container that goes on?

    A busy daemon keeps its port open: a connection is refused only where the process
    is gone. As many refusals are needed as make any failure certain, since something
    in the container may start it again.
    """
    container, health = instance.container, instance.health
    if container is None or container.run == instance.treated:
        return False
    is_port_closed = health.has_answered and health.cause is Cause.REFUSED
    return is_port_closed and is_certain(health, target, at.mono)


BUSY_TIMES = 2
"""Number of silence limits by which a busy daemon's verification is extended."""


def verify_remedy(state: State, instance_id: InstanceId, at: Moment) -> Update:
    """End an open load or remedy that recovered, failed or reached its deadline."""
    before = state.instances[instance_id]
    recovery_s = state.target_of(before).restart.recovery_timeout_s
    instance = detect_completed_restart(before, recovery_s, at)
    if instance is not before:
        state = replace_instances(state, instance)
    loading, remedy = instance.loading, instance.remedy
    if loading is not None and at.mono >= _load_deadline_mono(loading):
        return end_wallet_load(state, instance, RemedyCallResult.UNKNOWN, at)
    if remedy is None:
        return no_update(state)
    if _is_no_longer_needed(instance, state.target_of(instance), remedy, at):
        return no_update(revert_remedy(state, instance, at))
    result = _find_result(state, instance, remedy, at)
    deadline_mono = _deadline_mono(instance, state.target_of(instance), remedy, at)
    is_late = at.mono >= deadline_mono and not verification_pause.is_paused(
        state, instance, at
    )
    if result is None and is_late:
        result = _result_at_deadline(instance, remedy)
    return (
        no_update(state) if result is None else end_remedy(state, instance, *result, at)
    )


def _is_no_longer_needed(
    instance: Instance, target: Target, remedy: Remedy, at: Moment
) -> bool:
    """Is it a remedy that a dead process did not send, and that is not needed now?"""
    if remedy.phase is not RemedyPhase.TAKEN_OVER or at.mono < remedy.deadline_mono:
        return False
    if not remedy.decision.trigger.is_automatic or not container_run.is_running(
        instance
    ):
        return False
    return has_recovered(instance, target, remedy)


def _load_deadline_mono(loading: Decision) -> float:
    return loading.at.mono + loading.polite_stop_s + ACT_MARGIN_S


def _deadline_mono(
    instance: Instance, target: Target, remedy: Remedy, at: Moment
) -> float:
    """Monotonic time at which the remedy is given up.

    A remedy of a dead process gets time to end; a container that it left stopped is
    started, however long that takes. A daemon that others keep busy answers each call
    late, and a load has several calls.
    """
    if remedy.phase is RemedyPhase.ACTING:
        return remedy.deadline_mono
    if remedy.phase is RemedyPhase.DRAINING:
        # The decision that ends the drain comes first.
        return remedy.deadline_mono + ACT_MARGIN_S
    if remedy.phase is RemedyPhase.VERIFYING:
        wallet = target.wallet
        if wallet is None or not is_kept_waiting(instance, target, at.mono):
            return remedy.deadline_mono
        return remedy.deadline_mono + BUSY_TIMES * wallet.hang_after_outage_s
    if container_run.has_stopped(instance):
        return math.inf
    return remedy.deadline_mono + ACT_MARGIN_S


def _find_result(
    state: State, instance: Instance, remedy: Remedy, at: Moment
) -> VerificationResult | None:
    if remedy.phase is RemedyPhase.VERIFYING:
        if container_run.has_undone_stop(instance, at.mono):
            return STOPPED_MEANWHILE
        if has_recovered(instance, state.target_of(instance), remedy):
            return VerificationResult(
                RemedyOutcome.RECOVERED, _describe_recovery(instance)
            )
        return end_early(state, instance, remedy, at)
    taken_over = remedy.phase is RemedyPhase.TAKEN_OVER
    if taken_over and container_run.is_stopped_by_person(instance):
        return STOPPED_MEANWHILE
    return None


def _describe_recovery(instance: Instance) -> Reason:
    cause = current_cause(instance)
    if cause is None:
        return Reason.of(R.WORKS)
    return Reason.of(R.WORKS_BUT, reason=last_reason(instance))


def _result_at_deadline(instance: Instance, remedy: Remedy) -> VerificationResult:
    if remedy.phase is not RemedyPhase.VERIFYING:
        reason = Reason.of(R.REMEDY_GIVEN_UP)
        return VerificationResult(RemedyOutcome.UNKNOWN, reason)
    last = instance.health.last
    reason = last.reason if last is not None else Reason.of(R.NO_PROBE_ANSWERED)
    if instance.health.is_blind:
        reason = Reason.of(R.NOT_KNOWN_WHETHER_IT_HELPED)
        return VerificationResult(RemedyOutcome.UNKNOWN, reason)
    if remedy.uncertain:
        reason = Reason.of(R.BOTH, note=remedy.note, reason=reason)
    return VerificationResult(RemedyOutcome.NOT_RECOVERED, reason)
