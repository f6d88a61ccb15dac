"""Targets that rely on a HEALTHCHECK which their containers do not have."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sidecar.config.problem import ConfigProblem
from sidecar.core.model.container import Container, NativeHealth, Status
from sidecar.core.model.probe_settings import DockerProbe, RunningProbe
from sidecar.core.model.target import Target
from sidecar.core.status.assignment import assign


def without_healthcheck(
    targets: tuple[Target, ...], containers: Iterable[Container]
) -> tuple[tuple[Target, ...], tuple[ConfigProblem, ...]]:
    """The targets, those without a HEALTHCHECK watched for running; and their faults.

    What cannot be asked is refused at once. The rest of the target goes on, its
    planned restart too.
    """
    lacking: dict[str, Container] = {}
    for who, container in assign(targets, containers):
        if container.health is NativeHealth.NONE and container.status is Status.RUNNING:
            lacking.setdefault(who.target, container)
    relying = {t.name for t in targets if any(map(_asks_for_health, t.probes))}
    wrong = {name: one for name, one in lacking.items() if name in relying}
    fitting = tuple(_without(t) if t.name in wrong else t for t in targets)
    return fitting, tuple(_faults(targets, wrong))


def _asks_for_health(probe: object) -> bool:
    return isinstance(probe, DockerProbe)


def _without(target: Target) -> Target:
    instead = tuple(
        RunningProbe(timeout_s=probe.timeout_s)
        if isinstance(probe, DockerProbe)
        else probe
        for probe in target.probes
    )
    return replace(target, probes=instead)


def _faults(
    targets: Iterable[Target], wrong: dict[str, Container]
) -> Iterator[ConfigProblem]:
    for target in targets:
        container = wrong.get(target.name)
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
