"""The lease of several watchdogs: who acts, and what without Redis."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from sidecar.core.incidents.message_turn import MessageTurn, find_turn
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.event import PlannedRestartDue, RestartRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.lease import ClusterSettings, LeaseStatus, OnLost
from sidecar.core.model.lease_event import LeaseObserved
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import NotifySettings, Routes
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.core.model.target import AfterDependency, InstanceId, Mode, Target
from sidecar.core.policy.guards.lease import (
    longest_call_s,
    may_hold_lease,
    names_down,
)
from tests.support.rule_scenarios import RESTART, ROOT, start_healthy_world
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

SETTINGS = ClusterSettings("redis://redis/0")
FOR_EVER = 1e9
ROUTES = NotifySettings(routes=Routes(("ops",), dict.fromkeys(Severity, ("ops",))))


def observe(world: RuleWorld, **changes: Any) -> None:  # noqa: ANN401 - any field
    """Redis has answered so, or has not."""
    status = replace(LeaseStatus(SETTINGS, "own", since=world.now), **changes)
    world.send(LeaseObserved(world.now, status))


def hold_lease(world: RuleWorld, **changes: Any) -> None:  # noqa: ANN401 - any field
    observe(world, **{"token": 7, "until_mono": FOR_EVER, "asked": True, **changes})


def watched_world() -> RuleWorld:
    return start_healthy_world(targets=(WALLET,))


def test_other_holder_acts_and_this_watchdog_names_it() -> None:
    world = watched_world()
    observe(world, asked=True, holder="shop-sidecar-b-1")
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    last = world.last(ROOT)
    assert (last.action, last.guard) == (Action.HOLD, Guard.LEASE)
    assert "shop-sidecar-b-1 holds the lease" in str(last.reason)


def test_holder_acts_with_the_token_in_decision_and_reason() -> None:
    world = watched_world()
    hold_lease(world)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.last(ROOT).lease_token == 7
    assert str(world.last(ROOT).reason).endswith("lease token 7")


def test_lease_that_has_ended_by_the_own_clock_permits_nothing() -> None:
    """As after a suspension: no answer of Redis has come since."""
    world = watched_world()
    hold_lease(world, until_mono=world.now.mono + 1.0)
    world.wait(2.0)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.LEASE


def test_takeover_treats_a_failure_that_is_certain_already_at_once() -> None:
    world = watched_world()
    observe(world, asked=True, holder="b")
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    hold_lease(world)
    assert world.acts() == [(ROOT, RESTART)]


def test_new_holder_waits_for_a_call_of_the_former_one() -> None:
    world = watched_world()
    hold_lease(world, act_from_mono=world.now.mono + 60.0)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert "a call of an earlier holder may last" in str(world.last(ROOT).reason)
    world.wait(60.0)
    assert world.acts() == [(ROOT, RESTART)]


@pytest.mark.parametrize(("asked", "words"), [(True, "no watchdog"), (False, "yet")])
def test_without_a_known_holder_nothing_is_done(*, asked: bool, words: str) -> None:
    world = watched_world()
    observe(world, asked=asked)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert words in str(world.last(ROOT).reason)


def test_lone_watchdog_acts_at_once_without_redis_and_says_so() -> None:
    world = watched_world()
    observe(world, lost="connection refused", rank=0)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.last(ROOT).lease_token == 0
    assert "without the lease, because Redis does not answer (connection refused)" in (
        str(world.last(ROOT).reason)
    )


@pytest.mark.parametrize("rank", [1, 2])
def test_without_redis_each_watchdog_acts_in_its_turn(rank: int) -> None:
    world = watched_world()
    turn_s = rank * (SETTINGS.lease_s + WALLET.restart.stop_timeout_s + 10.0)
    observe(world, lost="timeout", rank=rank)
    world.fails(ROOT, Cause.REFUSED, 5)
    certain_mono = world.instance(ROOT).since.mono
    assert "by turns: this one in" in str(world.last(ROOT).reason)
    world.wait(certain_mono + turn_s - world.now.mono - 1.0)
    assert world.acts() == []
    world.wait(2.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_turn_begins_when_redis_is_lost_if_the_failure_is_older() -> None:
    world = watched_world()
    observe(world, asked=True, holder="b")
    world.fails(ROOT, Cause.REFUSED, 5)
    world.wait(600.0)
    observe(world, lost="timeout", rank=1)
    assert world.acts() == []


def test_hold_does_nothing_without_redis() -> None:
    world = watched_world()
    settings = replace(SETTINGS, on_lost=OnLost.HOLD)
    observe(world, settings=settings, lost="timeout", rank=0)
    world.fails(ROOT, Cause.REFUSED, 5)
    world.wait(600.0)
    assert world.acts() == []
    assert "on_lost is hold" in str(world.last(ROOT).reason)


def test_own_lease_is_valid_to_its_end_after_redis_is_lost() -> None:
    world = watched_world()
    settings = replace(SETTINGS, on_lost=OnLost.HOLD)
    hold_lease(world, settings=settings, lost="timeout")
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == [(ROOT, RESTART)]


def views(**down: bool) -> MappingProxyType[str, frozenset[str]]:
    return MappingProxyType(
        {name: frozenset({ROOT} if sees else ()) for name, sees in down.items()}
    )


def test_quorum_holds_until_enough_watchdogs_see_the_target_down() -> None:
    world = watched_world()
    settings = replace(SETTINGS, quorum=2)
    hold_lease(world, settings=settings, views=views(b=False))
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert "1 of 2 watchdogs see it down, and 2 must" in str(world.last(ROOT).reason)
    hold_lease(world, settings=settings, views=views(b=True))
    world.wait(1.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_watchdog_that_is_not_alive_has_no_vote() -> None:
    world = watched_world()
    hold_lease(world, settings=replace(SETTINGS, quorum=2), views=views())
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == [(ROOT, RESTART)]


def test_restart_that_always_follows_its_root_needs_no_votes() -> None:
    """The dependent works, so nobody sees it down. The root had its votes."""
    dependent = Target(
        "shop",
        depends_on=(ROOT,),
        after_dependency=AfterDependency.ALWAYS,
        probes=(HttpProbe("http://shop:8080/health"),),
    )
    world = RuleWorld(targets=(WALLET, dependent))
    world.works(ROOT, "shop")
    world.wait(100.0)
    world.works(ROOT, "shop")
    settings = replace(SETTINGS, quorum=2)
    hold_lease(world, settings=settings, views=views(b=True))
    world.fails(ROOT, Cause.REFUSED, 5)
    world.complete_remedy(ROOT)
    hold_lease(world, settings=settings, views=views(b=False))
    for _ in range(60):
        world.wait(3.0)
        world.works(ROOT, "shop", times=1)
    assert world.acts() == [(ROOT, RESTART), ("shop", RESTART)]


def test_requested_restart_needs_the_lease_and_no_votes() -> None:
    world = watched_world()
    settings = replace(SETTINGS, quorum=2)
    observe(world, asked=True, holder="b")
    world.send(RestartRequested(world.now, ROOT, now=True))
    assert world.last(ROOT).guard is Guard.LEASE
    hold_lease(world, settings=settings, views=views(b=False))
    world.send(RestartRequested(world.now, ROOT))
    assert world.last(ROOT).action is RESTART


def plan_messages(world: RuleWorld) -> list[MessageKind]:
    return [m.kind for m in world.messages if m.kind is MessageKind.PLAN_SKIPPED]


def test_planned_restart_of_another_watchdog_is_skipped_without_a_message() -> None:
    world = start_healthy_world(targets=(WALLET,), notify=ROUTES)
    world.wait(7 * 3600.0)
    observe(world, asked=True, holder="b")
    world.send(PlannedRestartDue(world.now, ROOT))
    assert (world.last(ROOT).action, world.last(ROOT).guard) == (
        Action.SKIP,
        Guard.LEASE,
    )
    assert plan_messages(world) == []


@pytest.mark.parametrize(
    "passing", [{}, {"token": 7, "until_mono": FOR_EVER, "act_from_mono": FOR_EVER}]
)
def test_planned_restart_waits_while_it_is_not_known_who_acts(
    passing: dict[str, Any],
) -> None:
    world = start_healthy_world(targets=(WALLET,), notify=ROUTES)
    world.wait(7 * 3600.0)
    observe(world, asked=True, **passing)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert (world.last(ROOT).action, world.last(ROOT).guard) == (
        Action.HOLD,
        Guard.LEASE,
    )
    hold_lease(world)
    world.wait(20.0)
    assert world.acts() == [(ROOT, RESTART)]
    assert plan_messages(world) == []


def test_planned_restart_for_which_no_watchdog_gets_the_lease_is_reported() -> None:
    world = start_healthy_world(targets=(WALLET,), notify=ROUTES)
    world.wait(7 * 3600.0)
    observe(world, asked=True)
    world.send(PlannedRestartDue(world.now, ROOT))
    world.wait(620.0)
    assert world.acts() == []
    assert plan_messages(world) == [MessageKind.PLAN_SKIPPED]


def test_rolling_restart_ends_with_a_message_when_another_watchdog_gets_the_lease() -> (
    None
):
    """The new holder does not know of the operator's request."""
    target = replace(SERVICE, depends_on=())
    instances = [InstanceId(SERVICE.name, n) for n in (1, 2)]
    containers = {i: container(i.target, i.number) for i in instances}
    world = RuleWorld((target,), containers=containers, notify=ROUTES)
    names = [i.name for i in world.state.instances.values()]
    world.works(*names)
    hold_lease(world)
    world.send(RestartRequested(world.now, SERVICE.name))
    world.complete_remedy(names[0])
    world.works(*names)
    observe(world, asked=True)
    world.wait(60.0)
    assert (world.last(names[1]).action, world.last(names[1]).guard) == (
        Action.HOLD,
        Guard.LEASE,
    )
    observe(world, asked=True, holder="b")
    assert world.last(names[1]).action is Action.SKIP
    (message,) = (m for m in world.messages if m.kind is MessageKind.ROLLING_STOPPED)
    assert message.severity is Severity.P2
    assert "b holds the lease" in message.facts["last_reason"]
    assert find_turn(world.state.lease, message, world.now) is MessageTurn.SEND


@pytest.mark.parametrize(("rank", "is_done"), [(0, True), (1, False)])
def test_planned_restart_without_redis_is_for_a_lone_watchdog(
    *, rank: int, is_done: bool
) -> None:
    world = start_healthy_world(targets=(WALLET,), notify=ROUTES)
    observe(world, lost="timeout", rank=rank)
    world.wait(7 * 3600.0)
    world.send(PlannedRestartDue(world.now, ROOT))
    assert world.last(ROOT).action is (RESTART if is_done else Action.SKIP)
    assert bool(plan_messages(world)) is not is_done


def test_watchdog_that_cannot_act_may_not_hold_the_lease() -> None:
    world = watched_world()
    state, now = world.state, world.now
    assert may_hold_lease(state, now)
    assert not may_hold_lease(replace(state, mode=Mode.OBSERVE), now)
    engine = replace(state.engine, reachable=False)
    assert not may_hold_lease(replace(state, engine=engine), now)
    engine = replace(state.engine, listed_mono=now.mono - 91.0)
    assert not may_hold_lease(replace(state, engine=engine), now)


def test_facts_for_the_others_are_names_that_are_down_and_the_longest_call() -> None:
    world = watched_world()
    assert names_down(world.state) == frozenset()
    world.fails(ROOT, Cause.REFUSED, 5)
    assert names_down(world.state) == {ROOT}
    assert longest_call_s(world.state) == WALLET.restart.stop_timeout_s + 10.0
