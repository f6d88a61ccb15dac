"""Names of targets and instances in requests."""

from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.core.text.known_names import list_known
from sidecar.web.response import RequestRefused
from sidecar.web.views import status


def find_target_name(state: State, name: str) -> str:
    """A target's name, given by its own or an instance's. RequestRefused: unknown."""
    if name in state.targets:
        return name
    instance = instance_named(state, name)
    if instance is None:
        raise unknown_target(state, name)
    return instance.id.target


def find_instance(state: State, name: str) -> Instance:
    """An instance by its name; with one replica it is the target's own name.

    RequestRefused: it is unknown, or the target has several replicas.
    """
    instance = instance_named(state, name)
    if instance is not None:
        return instance
    if name not in state.targets:
        raise unknown_target(state, name)
    names = ", ".join(status.replica_names(state, name)) or "none yet"
    raise RequestRefused(400, f"{name} has several replicas, name one of them: {names}")


def has_replicas(state: State, name: str) -> bool:
    """Is it the name of a target with several replicas?"""
    return name in state.targets and len(state.numbers.get(name, ())) > 1


def unknown_target(state: State, name: str) -> RequestRefused:
    """The refusal of a name that no target has; it lists those that exist."""
    return RequestRefused(
        404, f"there is no target {name}; {describe_known(state, name)}"
    )


def describe_known(state: State, name: str) -> str:
    """The names of targets and replicas, and the one that ``name`` resembles."""
    replicas = (instance.name for instance in state.instances.values())
    return list_known(name, (*state.targets, *replicas))
