"""Failures that no restart cures, because a disk is full or the host overloaded."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    PlannedRestartDue,
    RemedyCallResult,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.host_event import DiskExamined, HostMeasured
from sidecar.core.model.host_status import DiskSpace, HostMeasurement
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.target import Mode, PlannedRestartSettings
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status.host_pressure import OVERLOAD_LASTS_S
from sidecar.core.status.host_trouble import BELIEVED_S
from tests.support.rule_scenarios import restart_container
from tests.support.rule_world import SERVICE, WALLET, RuleWorld

ROOT, LEAF = WALLET.name, SERVICE.name
NIGHTLY = replace(WALLET, preventive=PlannedRestartSettings("0 3 * * *"))
FULL = Reason.of(R.MOUNT_FULL, path="/data", free_mib=0.0, size_mib=1.0)
NO_DISK = HostMeasurement(disk=DiskSpace(0.0))
STOLEN = HostMeasurement(stolen=90.0)
FREE = HostMeasurement(disk=DiskSpace(1e12), stolen=0.0)
MIB = 1024 * 1024


def start_world() -> RuleWorld:
    world = RuleWorld(targets=(NIGHTLY,))
    world.works(ROOT)
    return world


def examine_disk(world: RuleWorld, full: Reason) -> None:
    instance = world.instance(ROOT)
    assert instance.container is not None
    world.send(DiskExamined(world.now, instance.id, instance.container.run, full))


def measure_host(
    world: RuleWorld, measurement: HostMeasurement, lasts_s: float
) -> None:
    for _ in range(round(lasts_s / 15.0) + 1):
        world.send(HostMeasured(world.now, measurement))
        world.now_s += 15.0


def find_full_disk_before_restart(world: RuleWorld) -> None:
    """A certain failure; the executor finds a full disk, and sends nothing."""
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == [(ROOT, Action.RESTART)]
    examine_disk(world, FULL)
    world.complete_remedy(ROOT, RemedyCallResult.NOT_SENT, reason="a disk is full")


def test_disk_found_full_before_a_restart_is_paged_and_not_restarted() -> None:
    world = start_world()
    find_full_disk_before_restart(world)
    world.wait(5.0)
    assert world.decision_guards(ROOT)[-1] == (Action.PAGE, Guard.HOST)
    for _ in range(200):
        world.fails(ROOT, Cause.REFUSED, 1)
        examine_disk(world, FULL)
    assert world.acts() == [(ROOT, Action.RESTART)]
    instance = world.instance(ROOT)
    assert (instance.state, instance.cause) == (TargetState.DOWN, Cause.DISK_FULL)
    assert "the disk at /data in its container is full" in str(instance.reason)
    assert world.decision_guards(ROOT)[-1] == (Action.PAGE, Guard.NOT_CURABLE)
    assert instance.lane.tries == 0
    (incident,) = world.state.incidents.values()
    assert incident.open


def test_target_is_restarted_once_its_disk_has_space_again() -> None:
    world = start_world()
    find_full_disk_before_restart(world)
    world.fails(ROOT, Cause.REFUSED, 5)
    examine_disk(world, NO_REASON)
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == [(ROOT, Action.RESTART)] * 2


def test_sign_that_nobody_measures_again_is_believed_for_ten_minutes() -> None:
    world = start_world()
    find_full_disk_before_restart(world)
    until_s = world.now_s + BELIEVED_S - 10.0
    while world.now_s < until_s:
        world.fails(ROOT, Cause.REFUSED, 1)
        world.wait(2.0)
    assert world.acts() == [(ROOT, Action.RESTART)]
    world.wait(10.0)
    world.fails(ROOT, Cause.REFUSED, 4)
    assert world.acts() == [(ROOT, Action.RESTART)] * 2


def test_new_run_forgets_the_full_disk_of_the_old_one() -> None:
    world = start_world()
    find_full_disk_before_restart(world)
    restart_container(world)
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.last(ROOT).action is Action.RESTART


def test_answer_that_speaks_of_a_full_disk_is_its_cause_while_it_does() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    answer = Reason.of(R.STATUS_SAYS, status=503, said="No space left on device")
    for _ in range(4):
        world.probe(LEAF, probe_failure(Cause.HTTP_5XX, answer))
        world.works(ROOT, times=1)
    assert world.acts() == []
    assert world.instance(LEAF).cause is Cause.DISK_FULL
    assert world.last(LEAF).action is Action.PAGE
    world.works(LEAF)
    assert world.instance(LEAF).state is TargetState.HEALTHY
    assert not [i for i in world.state.incidents.values() if i.open]


def test_full_engine_disk_explains_a_failure_and_holds_a_start() -> None:
    world = start_world()
    measure_host(world, NO_DISK, 30.0)
    world.fails(ROOT, Cause.REFUSED, 4)
    assert world.instance(ROOT).cause is Cause.DISK_FULL
    world.exits(ROOT)
    world.wait(40.0)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.HOST
    measure_host(world, FREE, 15.0)
    world.wait(1.0)
    assert world.acts() == [(ROOT, Action.START)]


def test_full_engine_disk_says_nothing_while_all_works() -> None:
    world = start_world()
    measure_host(world, NO_DISK, 300.0)
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.messages == []


@pytest.mark.parametrize("measurement", [NO_DISK, STOLEN])
def test_planned_restart_is_skipped_with_the_reason(
    measurement: HostMeasurement,
) -> None:
    world = start_world()
    measure_host(world, measurement, OVERLOAD_LASTS_S)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.decision_guards(ROOT) == [(Action.SKIP, Guard.HOST)]


def test_operators_restart_is_not_held() -> None:
    world = start_world()
    measure_host(world, NO_DISK, 60.0)
    world.send(RestartRequested(world.now, ROOT))
    assert world.acts() == [(ROOT, Action.RESTART)]


def fall_silent(world: RuleWorld, seconds: float) -> None:
    until_s, began_s = world.now_s + seconds, world.now_s
    while world.now_s < until_s:
        silence = Reason.of(R.NO_ANSWER, place="it", seconds=10.0)
        waited_s = world.now_s - began_s + 10.0
        outcome = replace(probe_failure(Cause.HUNG, silence), waited_s=waited_s)
        world.probe(ROOT, outcome, 10.0)
        world.inspect_processes(ROOT)
        world.send(HostMeasured(world.now, STOLEN))
        world.wait(2.0)


def test_silence_on_an_overloaded_host_is_paged_after_two_minutes_of_it() -> None:
    world = start_world()
    measure_host(world, STOLEN, OVERLOAD_LASTS_S)
    fall_silent(world, 100.0)
    assert world.instance(ROOT).cause is Cause.HOST_OVERLOADED
    assert Action.PAGE not in {d.action for d in world.decisions}
    fall_silent(world, 60.0)
    assert world.acts() == []
    assert world.last(ROOT).action is Action.PAGE
    assert "other machines take 90 % of its processor time" in str(
        world.instance(ROOT).reason
    )


def test_stopped_process_on_an_overloaded_host_is_treated_at_once() -> None:
    world = start_world()
    measure_host(world, STOLEN, OVERLOAD_LASTS_S)
    silence = Reason.of(R.NO_ANSWER, place="it", seconds=10.0)
    world.probe(ROOT, probe_failure(Cause.HUNG, silence), 10.0)
    world.inspect_processes(ROOT, "daemon")
    world.wait(1.0)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_stopped_process_that_is_only_watched_keeps_its_cause() -> None:
    world = RuleWorld(targets=(NIGHTLY,), mode=Mode.OBSERVE)
    world.works(ROOT)
    measure_host(world, STOLEN, OVERLOAD_LASTS_S)
    silence = Reason.of(R.NO_ANSWER, place="it", seconds=10.0)
    for _ in range(3):
        world.probe(ROOT, probe_failure(Cause.HUNG, silence), 10.0)
        world.inspect_processes(ROOT, "daemon")
        world.wait(1.0)
    assert world.instance(ROOT).cause is Cause.HUNG


def test_closed_port_on_an_overloaded_host_is_treated_as_always() -> None:
    world = start_world()
    measure_host(world, STOLEN, OVERLOAD_LASTS_S)
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == [(ROOT, Action.RESTART)]


# out of memory


def test_container_killed_for_memory_is_started_and_the_limit_is_named() -> None:
    world = start_world()
    world.exits(ROOT, 137, oom_killed=True, memory_limit_bytes=192 * MIB)
    assert world.acts() == [(ROOT, Action.START)]
    (decision,) = [d for d in world.decisions if d.action is Action.START]
    assert "its memory limit is 192 MiB" in str(decision.reason)


def test_container_without_a_limit_that_is_killed_for_memory_says_so() -> None:
    world = start_world()
    world.exits(ROOT, 137, oom_killed=True)
    assert "it has no memory limit of its own" in str(world.last(ROOT).reason)


def test_daemon_killed_for_memory_in_a_running_container_names_the_limit() -> None:
    world = start_world()
    world.notice(ROOT, EngineEventKind.OOM, memory_limit_bytes=64 * MIB)
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == [(ROOT, Action.RESTART)]
    assert "memory limit is 64 MiB" in str(world.last(ROOT).reason)
    world.complete_remedy(ROOT)
    world.works(ROOT)
    world.fails(ROOT, Cause.REFUSED, 3)
    assert "memory" not in str(world.last(ROOT).reason)


@pytest.mark.parametrize(("kills", "is_named"), [(3, True), (2, False)])
def test_crash_loop_names_the_limit_if_its_last_run_was_killed_for_memory(
    kills: int, *, is_named: bool
) -> None:
    world = start_world()
    for nth in range(3):
        if nth < kills:
            world.notice(ROOT, EngineEventKind.OOM)
        world.exits(
            ROOT,
            137,
            oom_killed=True,
            restart_policy="always",
            memory_limit_bytes=64 * MIB,
        )
        world.wait(1.0)
        world.notice(
            ROOT,
            EngineEventKind.START,
            status=Status.RUNNING,
            started_at=world.now.wall,
            oom_killed=False,
        )
        world.wait(1.0)
    instance = world.instance(ROOT)
    assert instance.state is TargetState.CRASH_LOOP
    assert ("memory limit is 64 MiB" in str(instance.reason)) == is_named
