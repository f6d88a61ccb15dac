"""A drain that a process of Sidecar began, and its successor goes on with."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import PlannedRestartDue, RestartRequested
from sidecar.core.model.target import (
    InstanceId,
    PlannedRestartSettings,
    RollingSettings,
)
from sidecar.core.model.target_state import TargetState
from tests.support.process_takeover import start_successor
from tests.support.rule_world import SERVICE, RuleWorld, container

NAME = SERVICE.name
FIRST, SECOND = f"{NAME}-1", f"{NAME}-2"
DRAIN_S = 60.0
DRAINED = replace(
    SERVICE,
    depends_on=(),
    preventive=PlannedRestartSettings("0 3 * * *"),
    rolling=RollingSettings(DRAIN_S),
)


def start_drain() -> RuleWorld:
    """A world that has drained the first replica for 30 s."""
    numbers = (1, 2)
    containers = {InstanceId(NAME, n): container(NAME, n) for n in numbers}
    world = RuleWorld((DRAINED,), containers=containers)
    world.works(FIRST, SECOND)
    world.send(RestartRequested(world.now, FIRST))
    world.wait(30.0)
    assert world.instance(FIRST).state is TargetState.DRAINING
    return world


def test_a_successor_goes_on_with_a_drain_to_its_end() -> None:
    successor = start_successor(start_drain(), away_s=5.0)
    assert successor.instance(FIRST).state is TargetState.DRAINING
    began_s = successor.now_s
    successor.works(FIRST, SECOND, times=1)
    successor.wait(DRAIN_S)
    (restart,) = (d for d in successor.decisions if d.action is Action.RESTART)
    assert restart.name == FIRST
    assert 24.0 <= restart.at.mono - began_s <= 26.0


def test_a_successor_restarts_at_once_when_the_drain_is_over() -> None:
    successor = start_successor(start_drain(), away_s=45.0)
    assert successor.acts() == [(FIRST, Action.RESTART)]


def test_a_successor_ends_the_drain_when_no_other_replica_works() -> None:
    world = start_drain()
    world.lists = False
    successor = start_successor(world, away_s=5.0)
    successor.fails(SECOND, Cause.REFUSED, 1)
    assert successor.instance(FIRST).state is TargetState.HEALTHY
    successor.wait(DRAIN_S)
    assert successor.acts() == []


def test_a_successor_restarts_the_other_replicas_of_a_planned_restart() -> None:
    numbers = (1, 2)
    containers = {InstanceId(NAME, n): container(NAME, n) for n in numbers}
    world = RuleWorld((DRAINED,), containers=containers)
    world.works(FIRST, SECOND)
    world.send(PlannedRestartDue(world.now, NAME))
    successor = start_successor(world)
    successor.works(FIRST, SECOND, times=1)
    successor.wait(DRAIN_S)
    successor.complete_remedy(FIRST)
    successor.works(FIRST)
    successor.wait(31.0)
    assert successor.acts() == [
        (FIRST, Action.RESTART),
        (SECOND, Action.DRAIN),
    ]
