"""Replicas of one target beside each other: which of them serve."""

from collections.abc import Iterator

from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.state import State
from sidecar.core.model.target_state import SERVING_STATES, WORKING_STATES, TargetState

_NOT_MEANT_TO_RUN = frozenset({TargetState.STOPPED, TargetState.MISSING})


def is_drained(instance: Instance) -> bool:
    """Does it get no new requests now, before its restart?"""
    remedy = instance.remedy
    return remedy is not None and remedy.phase is RemedyPhase.DRAINING


def is_serving(instance: Instance) -> bool:
    """Does it serve requests now, new ones or the last ones?"""
    return instance.state in SERVING_STATES


def other_replicas(state: State, instance: Instance) -> Iterator[Instance]:
    """The other replicas of its target."""
    return (i for i in state.replicas(instance.id.target) if i.id != instance.id)


def does_another_work(state: State, instance: Instance) -> bool:
    """Does another replica of its target work, so that requests can go there?"""
    others = other_replicas(state, instance)
    return any(other.state in WORKING_STATES for other in others)


def find_replica_out(state: State, instance: Instance) -> Instance | None:
    """Another replica of its target that should serve and does not; None: none.

    A replica that a person stopped, or that has no container, is not expected to.
    """
    for other in other_replicas(state, instance):
        if other.state not in WORKING_STATES | _NOT_MEANT_TO_RUN:
            return other
    return None


def may_be_drained(state: State, instance: Instance) -> bool:
    """Is it drained before a restart?

    A replica that does not work is not: nothing in flight there could be saved. And
    requests must have another place to go.
    """
    if state.target_of(instance).rolling.drain_s <= 0 or not is_serving(instance):
        return False
    return does_another_work(state, instance)
