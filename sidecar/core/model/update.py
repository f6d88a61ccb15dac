"""Result of an event on the state, and helpers that replace parts of the state."""

from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.model.drill import DrillRecord
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.transition import Transition


class Update(NamedTuple):
    """A new state, its transitions, and the instances that may have changed.

    ``task_runs``: runs of maintenance tasks that began or ended. ``drill_records``:
    drills that ended or were refused.
    """

    state: State
    transitions: tuple[Transition, ...]
    touched: tuple[InstanceId, ...]
    task_runs: tuple[TaskRun, ...] = ()
    drill_records: tuple[DrillRecord, ...] = ()


def replace_instances(state: State, *instances: Instance) -> State:
    """The state with these instances replaced."""
    if not instances:
        return state
    return replace(state, instances=state.instances.with_instances(instances))


def replace_incident(state: State, incident: Incident) -> State:
    """The state with this incident replaced."""
    incidents = {**state.incidents, incident.id: incident}
    return replace(state, incidents=MappingProxyType(incidents))


def no_update(state: State) -> Update:
    """The update of an event that changes nothing."""
    return Update(state, (), ())


def update_instance(
    state: State, instance: Instance, *transitions: Transition
) -> Update:
    """The update of one changed instance."""
    return Update(replace_instances(state, instance), transitions, (instance.id,))
