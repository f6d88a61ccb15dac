"""Check for targets with a ``docker`` probe whose container has no HEALTHCHECK."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sidecar.config.problem import ConfigProblem
from sidecar.core.model.container import Container, NativeHealth, Status
from sidecar.core.model.probe_settings import DockerProbe, RunningProbe
from sidecar.core.model.target import Target
from sidecar.core.status.assignment import assign


def replace_missing_healthchecks(
    targets: tuple[Target, ...], containers: Iterable[Container]
) -> tuple[tuple[Target, ...], tuple[ConfigProblem, ...]]:
    """The targets, and faults of those whose container has no HEALTHCHECK.

    For such a target a ``running`` probe replaces the ``docker`` probe; the rest of
    the target, with its planned restart, stays in force.
    """
    containers_without: dict[str, Container] = {}
    for instance, container in assign(targets, containers):
        if container.health is NativeHealth.NONE and container.status is Status.RUNNING:
            containers_without.setdefault(instance.target, container)
    docker_targets = {t.name for t in targets if any(map(_is_docker_probe, t.probes))}
    faulty = {
        name: box for name, box in containers_without.items() if name in docker_targets
    }
    adjusted_targets = tuple(
        _without_docker_probes(t) if t.name in faulty else t for t in targets
    )
    return adjusted_targets, tuple(_faults(targets, faulty))


def _is_docker_probe(probe: object) -> bool:
    return isinstance(probe, DockerProbe)


def _without_docker_probes(target: Target) -> Target:
    instead = tuple(
        RunningProbe(timeout_s=probe.timeout_s)
        if isinstance(probe, DockerProbe)
        else probe
        for probe in target.probes
    )
    return replace(target, probes=instead)


def _faults(
    targets: Iterable[Target], faulty: dict[str, Container]
) -> Iterator[ConfigProblem]:
    for target in targets:
        container = faulty.get(target.name)
        if container is not None:
            hint = (
                "use type http, tcp or exec for what it serves, type running for what "
                "serves nothing, or add a healthcheck; until then it is watched for "
                "running"
            )
            yield ConfigProblem(
                f"target {target.name}, probe type docker",
                f"no HEALTHCHECK in the container {container.name}",
                "a container with a HEALTHCHECK",
                hint,
            )
