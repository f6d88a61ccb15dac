"""Crash loops: recognised, restarted rarely, and ended."""

import itertools
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import RecoverRequested
from sidecar.core.model.target import InstanceId, RestartSettings
from sidecar.core.model.target_state import TargetState
from tests.support.rule_scenarios import (
    ROOT,
    ROOT_INSTANCE,
    list_pages,
    list_try_times,
    restart_container,
    start_container,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import WALLET, RuleWorld


def crash_repeatedly(world: RuleWorld, times: int, policy: str) -> None:
    for _ in range(times):
        world.wait(5.0)
        world.exits(ROOT, 1, restart_policy=policy)
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
        else:
            now = world.now.wall
            world.notice(
                ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=now
            )


def test_a_loop_of_the_engines_own_restarts_gets_no_restart_of_ours() -> None:
    world = start_healthy_world()
    crash_repeatedly(world, 4, "always")
    assert world.instance(ROOT).state is TargetState.CRASH_LOOP
    assert world.acts() == []
    assert world.last(ROOT).action is Action.PAGE
    assert world.last(ROOT).cause is Cause.CRASH_LOOP
    decision_count = len(world.decisions)
    crash_repeatedly(world, 20, "always")
    assert len(world.decisions) == decision_count


def test_a_loop_is_over_when_a_run_works_and_lasts() -> None:
    world = start_healthy_world()
    crash_repeatedly(world, 4, "always")
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.CRASH_LOOP
    world.wait(61.0)
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_a_loop_without_a_restart_policy_ends_in_the_slow_lane() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(2400):
        world.wait(1.0)
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
        elif world.containers[InstanceId(ROOT, 1)].status is Status.RUNNING:
            world.exits(ROOT, 1)
    starts = [d.at.mono for d in world.decisions if d.action is Action.START]
    assert len(starts) <= 6
    assert starts[-1] - starts[-2] >= 600.0


def test_a_loop_that_answers_before_each_exit_is_restarted_rarely() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(900):
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
            world.works(ROOT)
        elif world.containers[InstanceId(ROOT, 1)].status is Status.RUNNING:
            world.wait(20.0, 2.0)
            world.exits(ROOT, 1)
        else:
            world.wait(30.0, 15.0)
    start_times = list_try_times(world, ROOT, Action.START)
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER
    assert len(start_times) == 2 + 5
    gaps = [b - a for a, b in itertools.pairwise(start_times[2:])]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 1200.0


def test_a_looping_container_becomes_a_dead_letter() -> None:
    once = RestartSettings(slow_lane_s=(60.0,))
    world = start_healthy_world(targets=(replace(WALLET, restart=once),))
    for _ in range(600):
        world.wait(1.0)
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
        elif world.containers[InstanceId(ROOT, 1)].status is Status.RUNNING:
            world.exits(ROOT, 1)
    assert world.instance(ROOT).state is TargetState.DEAD_LETTER
    assert "waits for a person to say recover" in str(world.last(ROOT).reason)
    act_count = len(world.acts())
    world.send(RecoverRequested(world.now, ROOT))
    assert len(world.acts()) == act_count + 1


def test_the_page_of_a_loop_says_when_the_next_start_follows() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(8):
        world.wait(5.0)
        if world.is_acting(ROOT):
            world.complete_remedy(ROOT)
        elif world.containers[InstanceId(ROOT, 1)].status is Status.RUNNING:
            world.exits(ROOT, 1)
    (page,) = list_pages(world, ROOT)
    assert page.cause is Cause.CRASH_LOOP
    assert "it is started once more in 10 min" in str(page.reason)


@pytest.mark.parametrize(("apart_s", "loops"), [(65.0, False), (55.0, True)])
def test_three_exits_in_two_minutes_are_a_loop(apart_s: float, loops: bool) -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(3):
        world.exits(ROOT, 1, restart_policy="always")
        world.wait(1.0)
        start_container(world, ROOT)
        world.works(ROOT, times=1)
        world.wait(apart_s - 2.01)
    looping = world.instance(ROOT).state is TargetState.CRASH_LOOP
    assert looping is loops


def test_runs_shorter_than_a_minute_are_a_loop_despite_long_pauses() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(4):
        world.wait(50.0)
        world.exits(ROOT, 1, restart_policy="always")
        world.wait(25.0)
        start_container(world, ROOT)
    assert world.instance(ROOT).state is TargetState.CRASH_LOOP


def test_long_run_ends_the_row_of_short_ones_whatever_ends_it() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(4):
        world.wait(10.0)
        world.exits(ROOT, 1, restart_policy="always")
        world.wait(1.0)
        start_container(world, ROOT)
        world.works(ROOT, times=2)
        world.wait(120.0)
        # Somebody restarts it, so that the next exit comes soon after a start.
        start_container(world, ROOT)
        world.works(ROOT, times=2)
        assert world.instance(ROOT).state is TargetState.HEALTHY
        assert world.instance(ROOT).short_runs == 0


def test_only_exits_are_counted_towards_a_loop() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for kind in (
        EngineEventKind.HEALTH,
        EngineEventKind.OOM,
        EngineEventKind.UNPAUSE,
    ) * 2:
        world.notice(ROOT, kind)
    assert world.instance(ROOT).exits == ()
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_the_exit_of_our_own_restart_is_not_counted_when_reported_late() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.notice(ROOT, EngineEventKind.DIE, ago_s=1.0)
    assert world.instance(ROOT).exits == ()
    world.wait(30.0)
    started = world.containers[InstanceId(ROOT, 1)].started_at
    world.notice(ROOT, EngineEventKind.DIE, ago_s=world.now.wall - started + 61.0)
    assert len(world.instance(ROOT).exits) == 1
    assert world.instance(ROOT).short_runs == 0


def test_recover_ends_the_crash_loop_state() -> None:
    world = start_healthy_wallet()
    for _ in range(3):
        world.wait(5.0)
        world.exits(ROOT, 1, restart_policy="always")
        world.containers[ROOT_INSTANCE] = replace(
            world.containers[ROOT_INSTANCE], status=Status.RUNNING
        )
        restart_container(world)
    assert world.instance(ROOT).state is TargetState.CRASH_LOOP
    world.send(RecoverRequested(world.now, ROOT))
    assert world.instance(ROOT).state is TargetState.STARTING
