"""A docker probe of a container without a HEALTHCHECK is refused at once."""

from dataclasses import replace

from sidecar.config.check.healthcheck import without_healthcheck
from sidecar.core.model.container import Container, NativeHealth, Status
from sidecar.core.model.probe_settings import DockerProbe, HttpProbe, RunningProbe
from sidecar.core.model.target import PlannedRestartSettings, Target

NIGHTLY = PlannedRestartSettings("0 3 * * *")
WORKER = Target(
    "worker", service="worker", probes=(DockerProbe(timeout_s=3.0),), preventive=NIGHTLY
)


def box(number: int = 1, **changes: object) -> Container:
    made = Container(
        id=f"c{number}",
        name=f"shop-worker-{number}",
        stack="shop",
        service="worker",
        number=number,
        status=Status.RUNNING,
        started_at=1.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # as its fields


def test_it_is_watched_for_running_and_its_planned_restart_goes_on() -> None:
    targets, (fault,) = without_healthcheck((WORKER,), [box()])
    assert targets == (replace(WORKER, probes=(RunningProbe(timeout_s=3.0),)),)
    assert fault.line.startswith(
        "target worker, probe type docker: found no HEALTHCHECK in the container "
        "shop-worker-1; allowed: a container with a HEALTHCHECK - "
    )
    assert "type running for what serves nothing" in fault.hint


def test_the_other_probes_of_the_target_stay() -> None:
    both = replace(WORKER, probes=(HttpProbe("http://worker/"), DockerProbe()))
    (made,), faults = without_healthcheck((both,), [box()])
    assert made.probes == (HttpProbe("http://worker/"), RunningProbe())
    assert len(faults) == 1


def test_one_replica_without_is_enough_and_is_said_once() -> None:
    healthy = box(1, health=NativeHealth.HEALTHY)
    targets, faults = without_healthcheck((WORKER,), [healthy, box(2), box(3)])
    assert targets[0].probes == (RunningProbe(timeout_s=3.0),)
    assert len(faults) == 1


def test_a_container_with_one_or_that_does_not_run_is_no_fault() -> None:
    for one in (
        box(health=NativeHealth.HEALTHY),
        box(health=NativeHealth.STARTING),
        box(health=NativeHealth.UNHEALTHY),
        box(status=Status.CREATED),
        box(status=Status.EXITED),
    ):
        assert without_healthcheck((WORKER,), [one]) == ((WORKER,), ())
    assert without_healthcheck((WORKER,), []) == ((WORKER,), ())


def test_other_kinds_of_probe_need_none() -> None:
    target = replace(WORKER, probes=(RunningProbe(),))
    assert without_healthcheck((target,), [box()]) == ((target,), ())
