"""Rolling restarts: one replica after the other, and the stop at one that fails."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    PauseRequested,
    PlannedRestartCancelled,
    PlannedRestartDue,
    RemedyCallResult,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    NotifySettings,
    Routes,
)
from sidecar.core.model.service_hold import ServiceHold
from sidecar.core.model.target import (
    AfterDependency,
    InstanceId,
    PlannedRestartSettings,
    RollingSettings,
    Target,
)
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.policy.decide import decision_in_force
from tests.support.process_takeover import start_successor
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

NAME, ROOT = SERVICE.name, WALLET.name
ONE, TWO, THREE = (f"{NAME}-{n}" for n in (1, 2, 3))
NAMES = (ONE, TWO, THREE)
PAUSE_S = 30.0
REPLICATED = replace(
    SERVICE, depends_on=(), preventive=PlannedRestartSettings("0 3 * * *")
)
DRAINED = replace(REPLICATED, rolling=RollingSettings(drain_s=10.0))
TOLD = NotifySettings(
    channels=(ChannelSettings("ops", "json://ops"),),
    routes=Routes(("ops",), MappingProxyType(dict.fromkeys(Severity, ("ops",)))),
)
DRAIN, RESTART = Action.DRAIN, Action.RESTART


def start_world(*targets: Target, **settings: object) -> RuleWorld:
    containers = {InstanceId(NAME, n): container(NAME, n) for n in (1, 2, 3)}
    world = RuleWorld(targets or (REPLICATED,), containers=containers, **settings)  # type: ignore[arg-type]  # its fields
    world.works(*(i.name for i in world.state.instances.values()))
    return world


def ask_all(world: RuleWorld, *, now: bool = False) -> None:
    world.send(RestartRequested(world.now, NAME, now))


def restart(world: RuleWorld, name: str) -> None:
    """The engine restarts the replica, and it works again."""
    world.complete_remedy(name)
    world.works(name)


def list_restarted(world: RuleWorld) -> list[str]:
    return [name for name, action in world.acts() if action is RESTART]


def test_an_operators_request_restarts_all_replicas_with_a_pause_between() -> None:
    world = start_world()
    ask_all(world)
    assert list_restarted(world) == [ONE]
    assert f"a rolling restart of {NAME}" in str(world.last(ONE).reason)
    for name, following in zip(NAMES, (*NAMES[1:], None), strict=True):
        restart(world, name)
        before = list_restarted(world)
        world.wait(PAUSE_S - 4.0)
        assert list_restarted(world) == before, "the pause"
        world.wait(5.0)
        assert list_restarted(world) == [*before, *([following] if following else [])]
    assert world.state.plan is None
    assert {d.trigger for d in world.decisions} == {Trigger.OPERATOR}


def test_each_replica_is_drained_and_gets_requests_again_before_the_next() -> None:
    world = start_world(DRAINED)
    ask_all(world)
    for name in NAMES:
        states = {i.name: i.state for i in world.state.instances.values()}
        assert states.pop(name) is TargetState.DRAINING
        assert set(states.values()) == {TargetState.HEALTHY}
        world.wait(10.0)
        restart(world, name)
        world.wait(PAUSE_S)
    assert world.acts() == [(n, a) for n in NAMES for a in (DRAIN, RESTART)]


def test_a_rolling_restart_stops_at_a_replica_that_does_not_work_again() -> None:
    world = start_world(notify=TOLD)
    ask_all(world)
    restart(world, ONE)
    world.wait(PAUSE_S)
    world.complete_remedy(TWO)
    world.fails(TWO, Cause.REFUSED, 3)
    world.wait(125.0)
    skip = world.last(THREE)
    assert (skip.action, skip.trigger) == (Action.SKIP, Trigger.OPERATOR)
    assert f"the restart of {TWO} did not succeed" in str(skip.reason)
    assert THREE not in list_restarted(world)
    assert world.state.plan is None
    (message,) = (m for m in world.messages if m.kind is MessageKind.ROLLING_STOPPED)
    assert message.facts["target"] == THREE
    world.fails(TWO, Cause.REFUSED, 3)
    assert {i.target for i in world.state.incidents.values()} == {TWO}, "it pages"


@pytest.mark.parametrize("result", [RemedyCallResult.FAILED, RemedyCallResult.NOT_SENT])
def test_a_rolling_restart_stops_when_the_engine_does_not_restart_one(
    result: RemedyCallResult,
) -> None:
    world = start_world()
    ask_all(world)
    world.complete_remedy(ONE, result, restart=False)
    world.wait(PAUSE_S * 2)
    assert list_restarted(world) == [ONE]
    assert world.last(TWO).action is Action.SKIP


@pytest.mark.parametrize("is_planned", [False, True], ids=["rolling", "planned"])
def test_replicas_that_the_first_restart_replaced_count_as_restarted(
    is_planned: bool,
) -> None:
    leaf = replace(SERVICE, name="leaf", depends_on=(NAME,))
    world = start_world(REPLICATED, leaf, notify=TOLD)
    world.send(
        PlannedRestartDue(world.now, NAME)
        if is_planned
        else RestartRequested(world.now, NAME)
    )
    restart(world, ONE)
    for name in (TWO, THREE):
        world.wait(PAUSE_S)
        assert world.is_acting(name)
        world.complete_remedy(name, RemedyCallResult.NOT_SENT, replaced=True)
        world.works(*NAMES, leaf.name)
    assert list_restarted(world) == [*NAMES, *([leaf.name] if is_planned else [])]
    assert world.state.plan is None
    ends = [e for e in world.transitions if isinstance(e, RemedyEnded)]
    assert [(e.name, e.outcome) for e in ends] == [
        (name, RemedyOutcome.RECOVERED) for name in NAMES
    ]
    assert [world.instance(name).restarts_total for name in NAMES] == [1, 0, 0]
    assert not world.messages


def test_a_rolling_restart_stops_at_a_replaced_replica_that_does_not_work() -> None:
    world = start_world()
    ask_all(world)
    restart(world, ONE)
    world.wait(PAUSE_S)
    world.complete_remedy(TWO, RemedyCallResult.NOT_SENT, replaced=True)
    world.fails(TWO, Cause.REFUSED)
    world.wait(125.0)
    assert world.last(THREE).action is Action.SKIP
    assert THREE not in list_restarted(world)


def test_a_failed_replica_that_was_just_replaced_has_no_try_counted() -> None:
    world = start_world()
    world.fails(ONE, Cause.REFUSED)
    world.complete_remedy(ONE, RemedyCallResult.NOT_SENT, replaced=True)
    assert world.instance(ONE).remedy is None
    assert world.instance(ONE).lane.spent == ()


def test_a_planned_restart_stops_at_a_replica_that_does_not_work_again() -> None:
    world = start_world(notify=TOLD)
    world.send(PlannedRestartDue(world.now, NAME))
    world.complete_remedy(ONE)
    world.fails(ONE, Cause.REFUSED, 3)
    world.wait(125.0)
    assert TWO not in list_restarted(world)
    kinds = [m.kind for m in world.messages]
    assert kinds.count(MessageKind.ROLLING_STOPPED) == 1
    assert MessageKind.PLAN_SKIPPED not in kinds


def test_a_rolling_restart_begins_with_a_replica_that_does_not_work() -> None:
    world = start_world()
    world.fails(THREE, Cause.AUTH)
    ask_all(world)
    assert list_restarted(world) == [THREE]
    restart(world, THREE)
    world.wait(PAUSE_S)
    assert list_restarted(world) == [THREE, ONE]


def test_the_next_replica_waits_until_the_others_work() -> None:
    world = start_world()
    ask_all(world)
    restart(world, ONE)
    world.fails(THREE, Cause.AUTH)
    world.wait(PAUSE_S * 2)
    decision = decision_in_force(world.state, InstanceId(NAME, 2), world.now)
    assert decision is not None
    assert (decision.action, decision.guard) == (Action.HOLD, Guard.DRAINING)
    assert f"{THREE} is down" in str(decision.reason)
    world.works(THREE)
    world.wait(0.5)
    assert list_restarted(world) == [ONE, TWO]


def test_a_rolling_restart_goes_on_after_a_drain_that_ended_without_it() -> None:
    world = start_world(DRAINED)
    ask_all(world)
    for name in (TWO, THREE):
        world.fails(name, Cause.REFUSED, 1)
    assert world.instance(ONE).state is TargetState.HEALTHY
    world.works(TWO, THREE)
    world.wait(10.0)
    assert world.acts() == [(ONE, DRAIN), (ONE, DRAIN), (ONE, RESTART)]


def test_a_failed_restart_of_another_target_does_not_stop_a_rolling_restart() -> None:
    world = start_world(WALLET, REPLICATED)
    ask_all(world)
    restart(world, ONE)
    world.send(RestartRequested(world.now, ROOT))
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    world.works(ROOT)
    world.wait(PAUSE_S)
    assert list_restarted(world) == [ONE, ROOT, TWO]


def test_a_rolling_restart_that_waits_too_long_is_given_up() -> None:
    world = start_world(notify=TOLD)
    ask_all(world)
    restart(world, ONE)
    world.fails(THREE, Cause.AUTH)
    world.wait(660.0, 5.0)
    assert "its turn did not come in time" in str(world.last(TWO).reason)
    assert world.state.plan is None
    assert MessageKind.ROLLING_STOPPED in {m.kind for m in world.messages}


def test_a_request_to_which_a_guard_objects_is_refused_whole() -> None:
    world = start_world()
    for _ in range(2):
        world.send(PauseRequested(world.now, (NAME,)))
        ask_all(world)
        last = world.decisions[-1]
        assert (last.action, last.guard) == (Action.HOLD, Guard.PAUSED)
        assert world.state.plan is None
    assert len(world.decisions) == 2, "each request is answered"


def test_a_pause_stops_a_rolling_restart_before_the_next_replica() -> None:
    world = start_world()
    ask_all(world)
    world.send(PauseRequested(world.now, (NAME,)))
    restart(world, ONE)
    assert (world.last(TWO).action, world.last(TWO).guard) == (
        Action.SKIP,
        Guard.PAUSED,
    )
    world.wait(PAUSE_S * 2)
    assert list_restarted(world) == [ONE]


def test_cancel_ends_a_rolling_restart_and_its_drain() -> None:
    world = start_world(DRAINED)
    ask_all(world)
    world.send(PlannedRestartCancelled(world.now, NAME))
    assert world.instance(ONE).state is TargetState.HEALTHY
    world.wait(PAUSE_S * 2)
    assert world.acts() == [(ONE, DRAIN)]


def test_restart_now_waits_for_no_pause_and_still_for_each_replica() -> None:
    world = start_world(DRAINED)
    ask_all(world, now=True)
    assert world.acts() == [(ONE, RESTART)]
    world.wait(PAUSE_S)
    assert list_restarted(world) == [ONE]
    restart(world, ONE)
    assert list_restarted(world) == [ONE, TWO]


def test_a_stopped_replica_is_left_out() -> None:
    world = start_world()
    world.notice(TWO, EngineEventKind.KILL, signal=15)
    world.exits(TWO, 143)
    assert world.instance(TWO).state is TargetState.STOPPED
    ask_all(world)
    restart(world, ONE)
    world.wait(PAUSE_S)
    assert list_restarted(world) == [ONE, THREE]
    assert world.state.plan is None


def test_a_successor_goes_on_with_a_rolling_restart() -> None:
    world = start_world()
    ask_all(world)
    world.complete_remedy(ONE)
    successor = start_successor(world)
    successor.works(*NAMES)
    successor.wait(PAUSE_S)
    assert list_restarted(successor) == [TWO]
    assert successor.last(TWO).trigger is Trigger.OPERATOR


def test_working_replicas_are_restarted_one_after_the_other_after_their_root() -> None:
    leaf = replace(
        REPLICATED,
        depends_on=(ROOT,),
        after_dependency=AfterDependency.ALWAYS,
        rolling=RollingSettings(drain_s=10.0),
    )
    world = start_world(WALLET, leaf)
    world.exits(ROOT)
    restart(world, ROOT)
    world.works(*NAMES)
    world.wait(45.0)
    assert world.acts()[-2:] == [(ONE, DRAIN), (ONE, RESTART)]
    world.complete_remedy(ONE)
    world.fails(ONE, Cause.REFUSED, 3)
    world.wait(60.0)
    assert TWO not in list_restarted(world), "the first does not work again"
    world.works(ONE)
    world.wait(25.0)
    assert world.acts()[-1] == (ONE, RESTART), "the pause"
    world.works(ROOT, *NAMES)
    world.wait(20.0)
    assert world.acts()[-2:] == [(TWO, DRAIN), (TWO, RESTART)]


def test_a_rolling_restart_waits_until_swarm_has_replaced_the_other_tasks() -> None:
    world = start_world()
    ask_all(world)
    for n in (2, 3):
        updated = container(NAME, n, service_hold=ServiceHold.UPDATING)
        world.containers[InstanceId(NAME, n)] = updated
    restart(world, ONE)
    world.relist()
    world.works(*NAMES)
    world.wait(PAUSE_S * 2)
    assert list_restarted(world) == [ONE]
    for n in (2, 3):
        world.containers[InstanceId(NAME, n)] = container(NAME, n)
    world.relist()
    world.works(*NAMES)
    assert world.acts()[-1] == (TWO, RESTART)
