"""What working in an event comes to, and the small steps that all of it is made of."""

from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.transition import Transition


class Update(NamedTuple):
    """A new state, what changed, and whom it may concern."""

    state: State
    transitions: tuple[Transition, ...]
    touched: tuple[InstanceId, ...]


def replace_instances(state: State, *instances: Instance) -> State:
    """The state with these instances as they are now."""
    merged = {**state.instances, **{i.id: i for i in instances}}
    return replace(state, instances=MappingProxyType(merged))


def replace_incident(state: State, incident: Incident) -> State:
    """The state with this incident as it is now."""
    incidents = {**state.incidents, incident.id: incident}
    return replace(state, incidents=MappingProxyType(incidents))


def unchanged(state: State) -> Update:
    """Nothing happened."""
    return Update(state, (), ())


def update_instance(
    state: State, instance: Instance, *transitions: Transition
) -> Update:
    """One instance changed."""
    return Update(replace_instances(state, instance), transitions, (instance.id,))
