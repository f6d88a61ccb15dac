"""Drain of a replica before its restart.

A load balancer gives it no new requests, and those in flight may end. Nothing else is
done to it, so a drain can end without the restart at any time.
"""

from sidecar.core.model.decision import Decision
from sidecar.core.model.event import DecisionMade
from sidecar.core.model.instance import Instance, Remedy, RemedyPhase
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import busy_wait
from sidecar.core.status import container_run, replicas
from sidecar.core.status.presumed_dependencies import gives_way

NOTICE_S = 5.0
"""Time for a load balancer to notice the drain: only a later "free" ends it."""


def begin_drain(instance: Instance, event: DecisionMade) -> Instance:
    """Begin the drain that was decided."""
    decision = event.decision
    remedy = Remedy(
        decision,
        RemedyPhase.DRAINING,
        event.at,
        event.at.mono + decision.drain_s,
        first_failure_mono=None,
    )
    return replace(instance, remedy=remedy)


def is_over(state: State, instance: Instance, at: Moment) -> bool:
    """Is nothing in flight any more, or the time over?

    In a replica that has failed for certain, nothing is left to be saved.
    """
    remedy = instance.remedy
    if remedy is None or at.mono >= remedy.deadline_mono:
        return True
    if instance.health.up is False:
        return True
    wait = busy_wait.find_wait(state, instance)
    if wait is None:
        return False
    was_noticed = wait.answered_mono - remedy.began.mono >= NOTICE_S
    return was_noticed and busy_wait.is_free(wait, at)


def find_obstacle(
    state: State, instance: Instance, decision: Decision
) -> Reason | None:
    """Why the drained replica must get requests again, without its restart.

    What did not prevent the drain does not end it: it would begin again at once.
    """
    container = instance.container
    if not container_run.is_running(instance) or container is None:
        return Reason.of(R.RUN_ENDED)
    if container.run != decision.run:
        return Reason.of(R.RUN_ENDED)
    if not replicas.does_another_work(state, instance):
        return Reason.of(R.NO_OTHER_REPLICA)
    for other in state.instances.in_remedy():
        if other.id == instance.id or gives_way(state, instance, other):
            continue
        other_decision = other.loading or (other.remedy and other.remedy.decision)
        action = other_decision.action if other_decision else ""
        return Reason.of(R.REMEDY_RUNNING, action=action, root=other.name)
    return None


def describe_drain(
    state: State, instance: Instance, remedy: Remedy, why: Reason, at: Moment
) -> Reason:
    """The reason of a restart, with how long it was drained and what it answered."""
    wait_s = at.mono - remedy.began.mono
    wait = busy_wait.find_wait(state, instance)
    if wait is not None:
        return busy_wait.describe_result(wait, instance.name, why, wait_s)
    return Reason.of(R.WAS_DRAINED, why=why, wait_s=wait_s)
