"""Targets that are services of a swarm, in the hands of an operator or of swarm."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.service_hold import ServiceHold
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from tests.support.rule_scenarios import ROOT, start_healthy_world
from tests.support.rule_world import RuleWorld

TASK = InstanceId(ROOT, 1)
UPDATES = [hold for hold in ServiceHold if hold.is_update]


def change(world: RuleWorld, **changes: object) -> None:
    """Let the next list show the slot with these changes."""
    world.containers[TASK] = replace(world.containers[TASK], **changes)  # type: ignore[arg-type]
    world.relist()


def test_service_scaled_to_0_is_stopped_and_told_once() -> None:
    world = start_healthy_world()
    change(world, status=Status.CREATED, service_hold=ServiceHold.SCALED_TO_ZERO)
    world.wait(600.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.STOPPED
    assert str(world.instance(ROOT).reason) == "its service is scaled to 0"
    assert world.last(ROOT).action is Action.PAGE


@pytest.mark.parametrize("hold", UPDATES)
def test_task_that_an_update_replaces_is_stopped_and_nobody_is_told(
    hold: ServiceHold,
) -> None:
    world = start_healthy_world()
    change(world, status=Status.CREATED, service_hold=hold)
    world.wait(60.0)
    assert world.decisions == []
    assert world.instance(ROOT).state is TargetState.STOPPED
    assert str(hold) in str(world.instance(ROOT).reason)


@pytest.mark.parametrize("hold", UPDATES)
def test_failing_task_is_not_restarted_before_the_update_has_ended(
    hold: ServiceHold,
) -> None:
    world = start_healthy_world()
    change(world, service_hold=hold)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.last(ROOT).guard is Guard.ENGINE_POLICY
    assert world.acts() == []
    change(world, service_hold=ServiceHold.NONE)
    world.fails(ROOT, Cause.REFUSED, 1)
    assert world.acts() == [(ROOT, Action.RESTART)]


def test_wallet_is_loaded_while_an_update_has_not_ended() -> None:
    world = start_healthy_world()
    change(world, service_hold=ServiceHold.UPDATING)
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 1)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]


def test_task_that_no_node_can_take_is_down_with_the_reason() -> None:
    world = start_healthy_world()
    change(world, status=Status.RESTARTING, error="no suitable node", pid=0)
    world.wait(600.0)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.DOWN
    assert "no suitable node" in str(world.instance(ROOT).reason)
    assert world.last(ROOT).guard is Guard.ENGINE_POLICY
