"""Names of targets and instances in requests."""

from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.web.response import RequestRefused
from sidecar.web.views import health, status

_NAMES_SHOWN = 10


def find_target_name(state: State, name: str) -> str:
    """A target's name, given by its own or an instance's. RequestRefused: unknown."""
    if name in state.targets:
        return name
    instance = health.instance_named(state, name)
    if instance is None:
        raise _unknown(state, name)
    return instance.id.target


def find_instance(state: State, name: str) -> Instance:
    """An instance by its name; with one replica it is the target's own name.

    RequestRefused: it is unknown, or the target has several replicas.
    """
    instance = health.instance_named(state, name)
    if instance is not None:
        return instance
    if name not in state.targets:
        raise _unknown(state, name)
    names = ", ".join(status.replica_names(state, name)) or "none yet"
    raise RequestRefused(400, f"{name} has several replicas, name one of them: {names}")


def _unknown(state: State, name: str) -> RequestRefused:
    target_names = list(state.targets)
    names = ", ".join(target_names[:_NAMES_SHOWN]) or "none"
    more = ", ..." if len(target_names) > _NAMES_SHOWN else ""
    return RequestRefused(404, f"there is no target {name}; there are: {names}{more}")
