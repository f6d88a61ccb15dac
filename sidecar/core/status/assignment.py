"""Which container is which instance of which target."""

from collections.abc import Iterable

from sidecar.core.model.container import Container, Status
from sidecar.core.model.target import InstanceId, Target

ONE_OFF_LABEL = "com.docker.compose.oneoff"

Assignment = tuple[tuple[InstanceId, Container], ...]


def assign(targets: Iterable[Target], containers: Iterable[Container]) -> Assignment:
    """Pair the stack's containers with the targets that want them.

    A container left by ``docker compose run`` is nobody's. While compose
    recreates a container there are two with one number: the running one counts.
    """
    permanent = [c for c in containers if c.labels.get(ONE_OFF_LABEL) != "True"]
    by_service: dict[str, list[Container]] = {}
    for container in permanent:
        by_service.setdefault(container.service, []).append(container)
    by_name = {container.name: container for container in permanent}
    found: dict[InstanceId, Container] = {}
    for target in targets:
        for number, container in _is_candidate(target, by_service, by_name):
            instance = InstanceId(target.name, number)
            found[instance] = _is_better(found.get(instance), container)
    return tuple(found.items())


def never_started(
    roster: Assignment, containers: Iterable[Container]
) -> tuple[tuple[InstanceId, str], ...]:
    """Names of containers that compose made to replace another, and did not start."""
    made = {
        (c.service, c.number): c
        for c in containers
        if c.status is Status.CREATED
        and c.service
        and c.labels.get(ONE_OFF_LABEL) != "True"
    }
    found = ((who, held, made.get((held.service, held.number))) for who, held in roster)
    return tuple(
        (who, new.name) for who, held, new in found if new is not None and new != held
    )


def _is_candidate(
    target: Target,
    by_service: dict[str, list[Container]],
    by_name: dict[str, Container],
) -> list[tuple[int, Container]]:
    if target.container is not None:
        named = by_name.get(target.container)
        return [] if named is None else [(1, named)]
    service = target.service or target.name
    if service not in by_service and service in by_name:
        return [(1, by_name[service])]
    return [(c.number, c) for c in by_service.get(service, ())]


def _is_better(held: Container | None, other: Container) -> Container:
    if held is None:
        return other
    return max(held, other, key=lambda c: (c.status is Status.RUNNING, c.started_at))
