"""Assignment of containers to the instances of targets."""

from collections.abc import Iterable

from sidecar.core.model.container import Container, Status
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.status.set_aside import is_set_aside, original_name, set_aside_name

ONE_OFF_LABEL = "com.docker.compose.oneoff"

Assignment = tuple[tuple[InstanceId, Container], ...]


def assign(targets: Iterable[Target], containers: Iterable[Container]) -> Assignment:
    """Assign the stack's containers to the targets that name them.

    A container from ``docker compose run`` is not assigned. While compose recreates a
    container there are two with one number: the running one is assigned. A container
    that Sidecar has set aside counts by its original name.
    """
    permanent = [c for c in containers if c.labels.get(ONE_OFF_LABEL) != "True"]
    by_service: dict[str, list[Container]] = {}
    for container in permanent:
        by_service.setdefault(container.service, []).append(container)
    by_name: dict[str, list[Container]] = {}
    for container in permanent:
        by_name.setdefault(original_name(container.name), []).append(container)
    assigned: dict[InstanceId, Container] = {}
    for target in targets:
        for number, container in _find_candidates(target, by_service, by_name):
            instance_id = InstanceId(target.name, number)
            assigned[instance_id] = _choose_better(assigned.get(instance_id), container)
    return tuple(assigned.items())


def never_started(
    roster: Assignment, containers: Iterable[Container]
) -> tuple[tuple[InstanceId, str], ...]:
    """Names of replacement containers that compose created and did not start."""
    created = {
        (c.service, c.number): c
        for c in containers
        if c.status is Status.CREATED
        and c.service
        and c.labels.get(ONE_OFF_LABEL) != "True"
    }
    replacements = (
        (instance_id, current, created.get((current.service, current.number)))
        for instance_id, current in roster
    )
    return tuple(
        (instance_id, new.name)
        for instance_id, current, new in replacements
        if new is not None and new != current and not is_set_aside(current)
    )


def set_aside(
    roster: Assignment, containers: Iterable[Container]
) -> tuple[tuple[InstanceId, str], ...]:
    """Names of the old containers of recreates that have not ended."""
    names = {container.name for container in containers if is_set_aside(container)}
    if not names:
        return ()
    wanted = (
        (instance_id, set_aside_name(original_name(current.name)))
        for instance_id, current in roster
    )
    return tuple((instance_id, name) for instance_id, name in wanted if name in names)


def _find_candidates(
    target: Target,
    by_service: dict[str, list[Container]],
    by_name: dict[str, list[Container]],
) -> list[tuple[int, Container]]:
    if target.container is not None:
        return [(1, container) for container in by_name.get(target.container, ())]
    service = target.service or target.name
    if service not in by_service and service in by_name:
        return [(1, container) for container in by_name[service]]
    return [(c.number, c) for c in by_service.get(service, ())]


def _choose_better(current: Container | None, other: Container) -> Container:
    if current is None:
        return other
    return max(current, other, key=lambda c: (c.status is Status.RUNNING, c.started_at))
