"""What was done before is not known: it could have been all that was allowed."""

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
WHY = "the store cannot be opened: database or disk is full"
TO_OPS = Routes(by_severity=MappingProxyType(dict.fromkeys(Severity, ("ops",))))


def doubtful(**settings: object) -> RuleWorld:
    """A world whose first listing comes after a start without memory."""
    restart = RestartSettings(**settings)  # type: ignore[arg-type]  # any field of it
    world = RuleWorld(targets=(replace(WALLET, restart=restart),))
    world.state = presume_restarts(
        State(started=world.now, notify=NotifySettings(routes=TO_OPS)), WHY
    )
    world.decisions.clear()
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.relist()
    return world


def restarts(world: RuleWorld) -> int:
    return sum(d.action is Action.RESTART for d in world.decisions)


@pytest.mark.parametrize(("budget", "presumed"), [(1, 0), (3, 2), (10, 9)])
def test_of_each_budget_one_try_is_left(budget: int, presumed: int) -> None:
    world = doubtful(budget=budget)
    for lane in (world.instance(ROOT).lane, world.instance(ROOT).load_lane):
        assert tries_in_window(lane, world.targets[0].restart, world.now_s) == presumed


def test_it_acts_once_and_then_goes_the_slow_way() -> None:
    world = doubtful()
    world.fails(ROOT, Cause.RESET)
    assert restarts(world) == 1
    world.acted(ROOT)
    world.wait(130.0)
    world.fails(ROOT, Cause.RESET, times=40)
    assert restarts(world) == 1
    assert world.instance(ROOT).lane.name is LaneName.SLOW
    assert world.decisions[-1].guard is Guard.BUDGET


def test_health_pays_back_what_was_presumed() -> None:
    world = doubtful()
    world.works(ROOT)
    assert world.instance(ROOT).lane == Lane()


def test_who_comes_later_has_its_whole_budget() -> None:
    world = doubtful()
    world.targets = (*world.targets, replace(WALLET, name="other"))
    world.relist()
    assert world.instance("other").lane == Lane()


def test_half_of_the_hours_restarts_count_as_made() -> None:
    world = doubtful()
    assert len(world.state.restarts) == RESTART_LIMIT // 2


def test_a_lane_that_is_remembered_is_kept() -> None:
    """More than was presumed is known, or it is in the slow lane already."""
    world = RuleWorld()
    lane = Lane(name=LaneName.SLOW, slow_tries=2)
    known = replace(world.instance(ROOT), lane=lane)
    left = MappingProxyType({known.id: known})
    world.state = presume_restarts(State(started=world.now, left=left), WHY)
    world.relist()
    assert world.instance(ROOT).lane == lane


def test_people_are_told_once() -> None:
    world = doubtful()
    world.wait(7200.0, 60.0)
    (told,) = [m for m in world.messages if m.kind is MessageKind.STORE_LOST]
    assert (told.severity, told.channel) == (Severity.P1, "ops")
    assert told.facts["reason"] == WHY


def test_where_all_is_remembered_nothing_is_presumed() -> None:
    world = RuleWorld(notify=NotifySettings(routes=TO_OPS))
    world.wait(60.0)
    assert world.instance(ROOT).lane == Lane()
    assert world.messages == []
