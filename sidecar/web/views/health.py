"""Health answers: of all targets, of one, of one replica, of Sidecar itself."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from sidecar.api_types.health import (
    ComponentHealth,
    SidecarHealth,
    StackHealth,
    TargetHealth,
)
from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.policy.due_restart import describe_restart, is_restart_due
from sidecar.core.ports.loop import Component
from sidecar.core.text.formatting import rfc3339


def health_of_each(state: State) -> Iterator[tuple[bool, TargetHealth]]:
    """Does each target work? Targets are judged as a whole, as in health_of."""
    for name in state.targets:
        yield _health_of_target(state, name)


def health_of_all(
    views: Sequence[tuple[bool, TargetHealth]],
) -> tuple[bool, StackHealth]:
    """Does every target work? ``views``: those of ``health_of_each``."""
    return (
        all(well for well, _ in views),
        StackHealth(targets=tuple(view for _, view in views)),
    )


def health_of(state: State, name: str) -> tuple[bool, TargetHealth] | None:
    """Does this target, or instance, work? None: there is none of that name.

    A target of several replicas works while one of them does.
    """
    if name in state.targets:
        return _health_of_target(state, name)
    instance = instance_named(state, name)
    return _health(instance) if instance is not None else None


def health_of_replica(
    state: State, target: str, replica: str
) -> tuple[bool, TargetHealth] | None:
    """Does this replica, given by number or name, work? None: there is none."""
    for instance in state.replicas(target):
        if replica in {str(instance.id.number), instance.name}:
            return _health(instance)
    return None


def liveness_of(
    state: State, name: str, at: Moment
) -> tuple[bool, TargetHealth] | None:
    """False while a restart of this target, or instance, is due.

    True as well while nothing is known about it. A target of several replicas is due
    if each of them is. None: there is none of that name.
    """
    instance = instance_named(state, name)
    instances = list(state.replicas(name)) or ([instance] if instance else [])
    if not instances:
        is_target = name in state.targets
        return (True, _health_of_target(state, name)[1]) if is_target else None
    due = [i for i in instances if is_restart_due(state, i.id, at)]
    shown_instance = next(iter(due), instances[0])
    reason = str(describe_restart(state, shown_instance.id, at))
    well = len(due) < len(instances)
    return well, replace(_health(shown_instance)[1], name=name, reason=reason)


def _health(instance: Instance) -> tuple[bool, TargetHealth]:
    return instance.state in WORKING_STATES, TargetHealth(
        name=instance.name,
        state=instance.state,
        cause=instance.cause,
        reason=str(instance.reason),
    )


def _health_of_target(state: State, target: str) -> tuple[bool, TargetHealth]:
    replicas = list(state.replicas(target))
    ill = [i for i in replicas if i.state not in WORKING_STATES]
    if not replicas:
        return False, TargetHealth(
            name=target,
            state=TargetState.UNKNOWN,
            cause=None,
            reason="the engine has not been asked for it yet",
        )
    worst = next(iter(ill or _degraded_replicas(replicas)), replicas[0])
    well, view = _health(worst)
    view = replace(view, name=target)
    if ill and len(ill) < len(replicas):
        reasons = "; ".join(f"{i.name} is {i.state}: {i.reason}" for i in ill)
        return True, replace(view, state=TargetState.DEGRADED, reason=reasons)
    return well, view


def _degraded_replicas(replicas: Iterable[Instance]) -> list[Instance]:
    return [i for i in replicas if i.state is TargetState.DEGRADED]


def components(parts: Iterable[Component]) -> tuple[bool, SidecarHealth]:
    """Does every component of Sidecar work?"""
    all_parts = tuple(parts)
    well = all(part.ok for part in all_parts)
    return well, SidecarHealth(
        ok=well,
        components=tuple(
            ComponentHealth(
                name=part.name,
                ok=part.ok,
                reason=part.reason,
                since=rfc3339(part.since_wall),
            )
            for part in all_parts
        ),
    )
