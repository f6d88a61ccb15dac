"""When a remedy under verification is over before its time."""

from typing import NamedTuple

from sidecar.core import run
from sidecar.core.container import Status
from sidecar.core.outcome import BEYOND_REMEDIES
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


def cut_short(state: State, instance: Instance) -> Ending | None:
    """What makes more waiting useless; others wait for their turn meanwhile."""
    if run.stopped_by_person(instance):
        return STOPPED_MEANWHILE
    if _died_again(instance):
        return Ending(RemedyOutcome.NOT_RECOVERED, "its container exited again")
    for root in roots_of(state, instance.id.target):
        if root.state is TargetState.DOWN:
            reason = f"{root.name} went down meanwhile: it comes first"
            return Ending(RemedyOutcome.UNKNOWN, reason)
    return None


def _died_again(instance: Instance) -> bool:
    """Is the new run over? The one that was treated may be seen once more, late."""
    container = instance.container
    return (
        container is not None
        and container.status in {Status.EXITED, Status.DEAD}
        and not container.engine_restarts_it
        and container.run != instance.treated
    )
