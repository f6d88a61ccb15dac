"""Unknown restart history: nearly the whole budget counts as used."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.event import EngineReachabilityChanged
from sidecar.core.model.guard import Guard
from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import NotifySettings, Routes
from sidecar.core.model.state import State
from sidecar.core.model.target import RestartSettings
from sidecar.core.recovery.restart_rate import RESTART_LIMIT
from sidecar.core.recovery.retry_budget import tries_in_window
from sidecar.core.recovery.takeover import presume_restarts
from tests.support.rule_world import WALLET, RuleWorld

ROOT = WALLET.name
STORE_ERROR = "the store cannot be opened: database or disk is full"
TO_OPS = Routes(by_severity=MappingProxyType(dict.fromkeys(Severity, ("ops",))))


def world_without_history(**settings: object) -> RuleWorld:
    """A world whose first listing comes after a start without stored state."""
    restart = RestartSettings(**settings)  # type: ignore[arg-type]  # any field of it
    world = RuleWorld(targets=(replace(WALLET, restart=restart),))
    world.state = presume_restarts(
        State(started=world.now, notify=NotifySettings(routes=TO_OPS)), STORE_ERROR
    )
    world.decisions.clear()
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.relist()
    return world


def count_restarts(world: RuleWorld) -> int:
    return sum(d.action is Action.RESTART for d in world.decisions)


@pytest.mark.parametrize(("budget", "presumed"), [(1, 0), (3, 2), (10, 9)])
def test_unknown_history_leaves_one_try_of_each_budget(
    budget: int, presumed: int
) -> None:
    world = world_without_history(budget=budget)
    for lane in (world.instance(ROOT).lane, world.instance(ROOT).load_lane):
        assert tries_in_window(lane, world.targets[0].restart, world.now_s) == presumed


def test_unknown_history_allows_one_restart_before_the_slow_lane() -> None:
    world = world_without_history()
    world.fails(ROOT, Cause.RESET)
    assert count_restarts(world) == 1
    world.complete_remedy(ROOT)
    world.wait(130.0)
    world.fails(ROOT, Cause.RESET, times=40)
    assert count_restarts(world) == 1
    assert world.instance(ROOT).lane.name is LaneName.SLOW
    assert world.decisions[-1].guard is Guard.BUDGET


def test_healthy_target_gets_its_whole_budget_back() -> None:
    world = world_without_history()
    world.works(ROOT)
    assert world.instance(ROOT).lane == Lane()


def test_target_added_later_has_its_whole_budget() -> None:
    world = world_without_history()
    world.targets = (*world.targets, replace(WALLET, name="other"))
    world.relist()
    assert world.instance("other").lane == Lane()


def test_half_of_the_restart_limit_counts_as_used() -> None:
    world = world_without_history()
    assert len(world.state.restarts) == RESTART_LIMIT // 2


def test_restored_lane_is_kept() -> None:
    """The restored lane has more tries than presumed, or is the slow one."""
    world = RuleWorld()
    lane = Lane(name=LaneName.SLOW, slow_tries=2)
    instance = replace(world.instance(ROOT), lane=lane)
    restored = MappingProxyType({instance.id: instance})
    world.state = presume_restarts(
        State(started=world.now, restored_instances=restored), STORE_ERROR
    )
    world.relist()
    assert world.instance(ROOT).lane == lane


def test_lost_store_sends_one_message() -> None:
    world = world_without_history()
    world.wait(7200.0, 60.0)
    (message,) = [m for m in world.messages if m.kind is MessageKind.STORE_LOST]
    assert (message.severity, message.channel) == (Severity.P1, "ops")
    assert message.facts["reason"] == STORE_ERROR


def test_known_history_presumes_no_restarts() -> None:
    world = RuleWorld(notify=NotifySettings(routes=TO_OPS))
    world.wait(60.0)
    assert world.instance(ROOT).lane == Lane()
    assert world.messages == []
