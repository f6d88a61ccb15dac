"""What working in an event comes to, and the small steps that all of it is made of."""

from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.incident import Incident
from sidecar.core.state import (
    Instance,
    State,
)
from sidecar.core.target import InstanceId
from sidecar.core.transition import (
    Transition,
)


class Folded(NamedTuple):
    """A new state, what changed, and whom it may concern."""

    state: State
    transitions: tuple[Transition, ...]
    touched: tuple[InstanceId, ...]


def put(state: State, *instances: Instance) -> State:
    """The state with these instances as they are now."""
    merged = {**state.instances, **{i.id: i for i in instances}}
    return replace(state, instances=MappingProxyType(merged))


def put_incident(state: State, incident: Incident) -> State:
    """The state with this incident as it is now."""
    incidents = {**state.incidents, incident.id: incident}
    return replace(state, incidents=MappingProxyType(incidents))


def same(state: State) -> Folded:
    """Nothing happened."""
    return Folded(state, (), ())


def one(state: State, instance: Instance, *transitions: Transition) -> Folded:
    """One instance changed."""
    return Folded(put(state, instance), transitions, (instance.id,))
