"""An engine that reports a stop in an inspection, not by events of signals (Podman)."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status, StopReport
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    ContainerEventSeen,
    EngineReachabilityChanged,
    RemedyCallResult,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from tests.support.rule_scenarios import RESTART, ROOT, start_healthy_world
from tests.support.rule_world import RuleWorld

REQUESTED, NOT_REQUESTED, UNKNOWN = (
    StopReport.REQUESTED,
    StopReport.NOT_REQUESTED,
    StopReport.UNKNOWN,
)
STARTED = (TargetState.RECOVERING, [(ROOT, Action.START)])
HELD: tuple[TargetState, list[tuple[str, Action]]] = (TargetState.DOWN, [])
LEFT: tuple[TargetState, list[tuple[str, Action]]] = (TargetState.STOPPED, [])


def reporting_world() -> RuleWorld:
    world = start_healthy_world()
    change(world, stop_report=NOT_REQUESTED)
    world.relist()
    return world


def change(world: RuleWorld, **changes: object) -> None:
    instance_id = InstanceId(ROOT, 1)
    before = world.containers[instance_id]
    world.containers[instance_id] = replace(before, **changes)  # type: ignore[arg-type]  # any field of it


@pytest.mark.parametrize(
    ("report", "exit_code", "expected"),
    [
        (REQUESTED, 0, LEFT),
        (REQUESTED, 1, LEFT),
        (REQUESTED, 139, LEFT),
        (NOT_REQUESTED, 0, STARTED),
        (NOT_REQUESTED, 137, STARTED),
        (UNKNOWN, 0, LEFT),
        (UNKNOWN, 1, HELD),
        (UNKNOWN, 143, LEFT),
        (UNKNOWN, 139, STARTED),
    ],
)
@pytest.mark.parametrize("first", ["event", "list"])
def test_stop_is_judged_by_the_report_and_what_is_not_known_is_left(
    report: StopReport,
    exit_code: int,
    expected: tuple[TargetState, list[tuple[str, Action]]],
    first: str,
) -> None:
    world = reporting_world()
    if first == "list":
        ended_wall = world.now.wall
        change(
            world,
            status=Status.EXITED,
            exit_code=exit_code,
            finished_at=ended_wall,
            stop_report=report,
        )
        world.relist()
        assert (world.instance(ROOT).state, world.acts()) == expected
    world.exits(ROOT, exit_code, stop_report=report)
    world.wait(1.0)
    assert (world.instance(ROOT).state, world.acts()) == expected


def test_stop_that_is_not_known_is_told_and_left_to_a_person() -> None:
    world = reporting_world()
    world.exits(ROOT, 1, stop_report=UNKNOWN)
    world.wait(3600.0)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.STOPPING
    assert "does not say whether somebody stopped it" in str(world.last(ROOT).reason)
    assert len(world.state.incidents) == 1
    world.send(RestartRequested(world.now, ROOT))
    assert world.acts() == [(ROOT, Action.START)]


def test_exit_without_an_inspection_waits_for_the_list() -> None:
    world = reporting_world()
    instance = world.instance(ROOT)
    assert instance.container is not None
    world.send(
        ContainerEventSeen(
            world.now,
            instance.id,
            EngineEventKind.DIE,
            instance.container.id,
            world.now.wall,
            None,
        )
    )
    change(world, status=Status.EXITED, stop_report=REQUESTED)
    world.relist()
    world.wait(60.0)
    assert (world.instance(ROOT).state, world.acts()) == LEFT


def test_exit_before_a_new_run_counts_towards_a_crash_loop() -> None:
    world = reporting_world()
    world.notice(ROOT, EngineEventKind.DIE, ago_s=0.1, started_at=world.now.wall)
    assert len(world.instance(ROOT).exits) == 1
    assert world.instance(ROOT).state is not TargetState.STOPPED


@pytest.mark.parametrize(
    ("report", "policy", "starts"),
    [
        (REQUESTED, "no", False),
        (REQUESTED, "unless-stopped", False),
        (NOT_REQUESTED, "no", True),
        (NOT_REQUESTED, "unless-stopped", True),
    ],
)
def test_report_counts_without_the_engines_events_as_well(
    report: StopReport, policy: str, starts: bool
) -> None:
    world = reporting_world()
    change(world, restart_policy=policy)
    deaf = "no events of the engine are heard"
    world.send(EngineReachabilityChanged(world.now, reachable=True, deaf=deaf))
    world.relist()
    change(world, status=Status.EXITED, stop_report=report, finished_at=world.now.wall)
    world.relist()
    for _ in range(5):
        world.wait(10.0)
        world.relist()
    assert ((ROOT, Action.START) in world.acts()) is starts
    assert (world.instance(ROOT).state is TargetState.STOPPED) is not starts


def test_container_that_is_being_stopped_is_left_to_end() -> None:
    world = reporting_world()
    change(world, stop_report=REQUESTED)
    world.relist()
    world.fails(ROOT, Cause.REFUSED)
    world.wait(60.0)
    assert world.last(ROOT).guard is Guard.STOPPING
    assert world.acts() == []


@pytest.mark.parametrize(("exit_code", "expected"), [(1, HELD), (139, STARTED)])
def test_report_after_a_signal_that_ended_nothing_may_be_about_that_signal(
    exit_code: int, expected: tuple[TargetState, list[tuple[str, Action]]]
) -> None:
    world = reporting_world()
    world.notice(ROOT, EngineEventKind.KILL)
    world.wait(60.0)
    world.exits(ROOT, exit_code, stop_report=REQUESTED, finished_at=world.now.wall)
    world.wait(5.0)
    assert (world.instance(ROOT).state, world.acts()) == expected


@pytest.mark.parametrize(("later_s", "starts"), [(-1.0, True), (5.0, False)])
def test_run_that_ended_in_a_failed_restart_was_stopped_by_sidecar(
    later_s: float, starts: bool
) -> None:
    world = reporting_world()
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, RESTART)]
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    world.exits(ROOT, 137, stop_report=REQUESTED, finished_at=world.now.wall + later_s)
    world.wait(60.0)
    assert (world.instance(ROOT).state is not TargetState.STOPPED) is starts
    assert ((ROOT, Action.START) in world.acts()) is starts
