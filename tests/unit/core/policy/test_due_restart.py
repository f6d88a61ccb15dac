"""Restarts that are due now, for a kubelet that restarts what Sidecar observes."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.event import PauseRequested
from sidecar.core.model.target import InstanceId, Mode
from sidecar.core.policy.due_restart import describe_restart, is_restart_due
from tests.support.rule_scenarios import LEAF, ROOT
from tests.support.rule_world import RuleWorld

INCURABLE = [c for c, rule in CAUSES.items() if rule.remedy is None and rule.why_not]


def start_observed_world() -> RuleWorld:
    world = RuleWorld(mode=Mode.OBSERVE)
    world.works(ROOT, LEAF)
    return world


def is_due(world: RuleWorld, name: str = ROOT) -> bool:
    return is_restart_due(world.state, InstanceId(name, 1), world.now)


def test_certain_failure_that_a_restart_repairs_is_due_until_it_works() -> None:
    world = start_observed_world()
    due = [is_due(world)]
    for _ in range(3):
        world.fails(ROOT, Cause.REFUSED, 1)
        due.append(is_due(world))
    assert due == [False, False, False, True]
    reason = str(describe_restart(world.state, InstanceId(ROOT, 1), world.now))
    assert "observe" in reason
    world.works(ROOT)
    assert not is_due(world)


@pytest.mark.parametrize("cause", INCURABLE)
def test_cause_that_no_restart_repairs_is_not_due(cause: Cause) -> None:
    world = start_observed_world()
    for _ in range(20):
        world.fails(ROOT, cause, 3)
        world.wait(100.0)
        assert not is_due(world)


def test_dependent_is_not_due_while_its_root_is_down() -> None:
    world = start_observed_world()
    world.fails(ROOT, Cause.REFUSED, 3)
    world.fails(LEAF, Cause.REFUSED, 3)
    assert (is_due(world, ROOT), is_due(world, LEAF)) == (True, False)


def test_paused_target_is_not_due() -> None:
    world = start_observed_world()
    world.fails(ROOT, Cause.REFUSED, 3)
    world.send(PauseRequested(world.now, (ROOT,)))
    assert not is_due(world)


def test_starting_target_is_not_due() -> None:
    world = RuleWorld(mode=Mode.OBSERVE)
    for instance_id, container in world.containers.items():
        started_at = world.now.wall
        world.containers[instance_id] = replace(container, started_at=started_at)
    world.relist()
    world.fails(ROOT, Cause.REFUSED, 5)
    assert not is_due(world)


def test_restart_that_sidecar_itself_carries_out_is_not_due() -> None:
    world = RuleWorld()
    world.works(ROOT, LEAF)
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts()
    assert not is_due(world)
