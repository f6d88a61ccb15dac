"""When a remedy under verification is over before its time."""

from typing import NamedTuple

from sidecar.core import run
from sidecar.core.container import Status
from sidecar.core.decision import Action
from sidecar.core.health import is_certain
from sidecar.core.judge import last_reason
from sidecar.core.moment import Moment
from sidecar.core.outcome import BEYOND_REMEDIES, Cause
from sidecar.core.roots import roots_of
from sidecar.core.state import Instance, Remedy, State
from sidecar.core.target import Target
from sidecar.core.transition import RemedyOutcome, TargetState


class Ending(NamedTuple):
    """How a remedy ends, and why."""

    outcome: RemedyOutcome
    reason: str


STOPPED_MEANWHILE = Ending(
    RemedyOutcome.UNKNOWN, "it was stopped or replaced meanwhile"
)


def has_recovered(instance: Instance, target: Target, remedy: Remedy) -> bool:
    """Does what was treated work again, as often as it takes, since the remedy began?

    A daemon that was started runs, answers and has its wallets, also where its
    upstream server is lost meanwhile.
    """
    health = instance.health
    last = health.last_success_mono
    if last is not None and last >= remedy.began.mono and health.up is True:
        return True
    if remedy.decision.cause in BEYOND_REMEDIES or health.last_at is None:
        return False
    since_mono = health.last_at.mono - health.last_seconds
    often = health.serves >= target.cadence.success_threshold
    return often and since_mono >= remedy.began.mono


def cut_short(
    state: State, instance: Instance, remedy: Remedy, at: Moment
) -> Ending | None:
    """What makes more waiting useless; others wait for their turn meanwhile."""
    if run.stopped_by_person(instance):
        return STOPPED_MEANWHILE
    if _is_over(instance):
        return Ending(RemedyOutcome.NOT_RECOVERED, "its container exited again")
    if _loops(instance, remedy):
        reason = "its container exited again and again"
        return Ending(RemedyOutcome.NOT_RECOVERED, reason)
    if _is_dead(instance, state.target_of(instance), at):
        reason = f"it answered, then its port was closed: {last_reason(instance)}"
        return Ending(RemedyOutcome.NOT_RECOVERED, reason)
    for root in roots_of(state, instance.id.target):
        if root.state is TargetState.DOWN:
            reason = f"{root.name} went down meanwhile: it comes first"
            return Ending(RemedyOutcome.UNKNOWN, reason)
    return None


def _is_over(instance: Instance) -> bool:
    """Is the new run over? The one that was treated may be seen once more, late."""
    container = instance.container
    return (
        container is not None
        and container.status in {Status.EXITED, Status.DEAD}
        and not container.engine_restarts_it
        and container.run != instance.treated
    )


def _loops(instance: Instance, remedy: Remedy) -> bool:
    """Is it in a crash loop, and did it die since the remedy began?

    A load goes on: the next run of the loop may be the one that lasts.
    """
    if not instance.looping or remedy.decision.action is Action.LOAD_WALLET:
        return False
    return any(exited > remedy.began.mono for exited in instance.exits)


def _is_dead(instance: Instance, target: Target, at: Moment) -> bool:
    """Has the daemon of the new run died in a container that goes on?

    A busy one keeps its port open: the engine's host refuses for nobody but a process
    that is gone. As many refusals are asked for as make any failure certain, since
    something in the container may start it again.
    """
    container, health = instance.container, instance.health
    if container is None or container.run == instance.treated:
        return False
    gone = health.has_answered and health.cause is Cause.REFUSED
    return gone and is_certain(health, target, at.mono)
