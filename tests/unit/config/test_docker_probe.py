"""A docker probe of a container without a HEALTHCHECK is refused at once."""

from dataclasses import replace

from sidecar.config.check.healthcheck import replace_missing_healthchecks
from sidecar.core.model.container import Container, NativeHealth, Status
from sidecar.core.model.probe_settings import DockerProbe, HttpProbe, RunningProbe
from sidecar.core.model.target import PlannedRestartSettings, Target

NIGHTLY = PlannedRestartSettings("0 3 * * *")
WORKER = Target(
    "worker", service="worker", probes=(DockerProbe(timeout_s=3.0),), preventive=NIGHTLY
)


def worker_container(number: int = 1, **changes: object) -> Container:
    plain = Container(
        id=f"c{number}",
        name=f"shop-worker-{number}",
        stack="shop",
        service="worker",
        number=number,
        status=Status.RUNNING,
        started_at=1.0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # as its fields


def test_docker_probe_without_healthcheck_becomes_a_running_probe() -> None:
    targets, (fault,) = replace_missing_healthchecks((WORKER,), [worker_container()])
    assert targets == (replace(WORKER, probes=(RunningProbe(timeout_s=3.0),)),)
    assert fault.line.startswith(
        "target worker, probe type docker: found no HEALTHCHECK in the container "
        "shop-worker-1; allowed: a container with a HEALTHCHECK - "
    )
    assert "type running for what serves nothing" in fault.hint


def test_the_other_probes_of_the_target_stay() -> None:
    both = replace(WORKER, probes=(HttpProbe("http://worker/"), DockerProbe()))
    (target,), faults = replace_missing_healthchecks((both,), [worker_container()])
    assert target.probes == (HttpProbe("http://worker/"), RunningProbe())
    assert len(faults) == 1


def test_replicas_without_healthcheck_make_one_fault() -> None:
    healthy = worker_container(1, health=NativeHealth.HEALTHY)
    targets, faults = replace_missing_healthchecks(
        (WORKER,), [healthy, worker_container(2), worker_container(3)]
    )
    assert targets[0].probes == (RunningProbe(timeout_s=3.0),)
    assert len(faults) == 1


def test_container_with_healthcheck_or_not_running_is_no_fault() -> None:
    for container in (
        worker_container(health=NativeHealth.HEALTHY),
        worker_container(health=NativeHealth.STARTING),
        worker_container(health=NativeHealth.UNHEALTHY),
        worker_container(status=Status.CREATED),
        worker_container(status=Status.EXITED),
    ):
        assert replace_missing_healthchecks((WORKER,), [container]) == ((WORKER,), ())
    assert replace_missing_healthchecks((WORKER,), []) == ((WORKER,), ())


def test_other_probe_types_need_no_healthcheck() -> None:
    target = replace(WORKER, probes=(RunningProbe(),))
    assert replace_missing_healthchecks((target,), [worker_container()]) == (
        (target,),
        (),
    )
