"""Containers that exited, are missing, or were created anew."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import RemedyCallResult, RemedyExecuted
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from tests.support.rule_scenarios import RESTART, ROOT, start_healthy_world
from tests.support.rule_world import WALLET, RuleWorld, container


def test_a_container_that_exits_by_itself_is_started_at_once() -> None:
    world = start_healthy_world()
    world.exits(ROOT, 1)
    assert world.acts() == [(ROOT, Action.START)]


def test_a_container_that_exits_with_0_by_itself_is_started() -> None:
    world = start_healthy_world()
    world.exits(ROOT, 0)
    assert world.acts() == [(ROOT, Action.START)]


def test_the_restart_policy_of_the_engine_gets_its_time_first() -> None:
    world = start_healthy_world()
    world.exits(ROOT, 1, restart_policy="always")
    assert world.last(ROOT).guard is Guard.ENGINE_POLICY
    world.wait(29.0)
    assert world.acts() == []
    world.wait(2.0)
    assert world.acts() == [(ROOT, Action.START)]


def test_a_paused_container_is_left_alone() -> None:
    world = start_healthy_world()
    world.notice(ROOT, EngineEventKind.PAUSE, status=Status.PAUSED)
    world.wait(600.0)
    assert world.acts() == []
    assert world.instance(ROOT).cause is Cause.PAUSED


def test_a_container_listed_as_stopped_is_left_alone_until_its_exit_is_reported() -> (
    None
):
    dead = container(ROOT, status=Status.EXITED, exit_code=0, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): dead})
    world.wait(60.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STOPPED
    world.notice(ROOT, EngineEventKind.DIE, ago_s=30.0)
    assert world.acts() == [(ROOT, Action.START)]


@pytest.mark.parametrize(("exit_code", "oom"), [(1, False), (139, False), (137, True)])
def test_a_container_listed_as_crashed_is_started(exit_code: int, oom: bool) -> None:
    dead = container(
        ROOT, status=Status.EXITED, exit_code=exit_code, oom_killed=oom, pid=0
    )
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): dead})
    assert world.acts() == [(ROOT, Action.START)]


def test_a_container_that_was_never_started_is_left_alone() -> None:
    new = container(ROOT, status=Status.CREATED, started_at=0.0, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): new})
    world.wait(600.0)
    assert world.acts() == []


def test_the_reason_of_a_container_that_was_never_started() -> None:
    new = container(ROOT, status=Status.CREATED, started_at=0.0, pid=0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): new})
    assert str(world.instance(ROOT).reason) == "it was created and never started"


def test_a_missing_container_gets_60_s_for_a_redeploy() -> None:
    world = start_healthy_world()
    world.containers.pop(InstanceId(ROOT, 1))
    world.relist()
    world.wait(55.0)
    assert world.last(ROOT).action is Action.HOLD
    world.wait(10.0)
    assert world.last(ROOT).action is Action.PAGE
    assert world.instance(ROOT).state is TargetState.MISSING
    assert world.acts() == []


def test_a_recreated_container_has_no_failures() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED, 2)
    world.containers[InstanceId(ROOT, 1)] = container(
        ROOT, id="another", started_at=world.now.wall
    )
    world.relist()
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []


def test_a_container_that_the_engine_is_restarting_is_left_to_the_engine() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.notice(
        ROOT, EngineEventKind.DIE, status=Status.RESTARTING, exit_code=1, pid=0
    )
    world.wait(100.0)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.ENGINE_POLICY


def test_a_remedy_result_does_not_bring_back_a_replaced_container() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.REFUSED)
    old = world.containers[InstanceId(ROOT, 1)]
    fresh = container(ROOT, id="fresh", started_at=world.now.wall)
    world.containers[InstanceId(ROOT, 1)] = fresh
    world.relist()
    world.send(
        RemedyExecuted(
            world.now,
            InstanceId(ROOT, 1),
            RemedyCallResult.NOT_SENT,
            text_reason("replaced"),
            old,
        )
    )
    assert world.instance(ROOT).container == fresh


def test_a_container_that_a_failed_restart_left_stopped_is_started() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.HTTP_5XX)
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    instance_id = world.instance(ROOT).id
    world.containers[instance_id] = replace(
        world.containers[instance_id], status=Status.EXITED, exit_code=0, pid=0
    )
    world.relist()
    world.wait(30.0)
    assert world.acts() == [(ROOT, RESTART), (ROOT, Action.START)]
