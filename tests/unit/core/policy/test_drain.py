"""Drain of a replica before its restart: when it begins, and how it ends."""

from dataclasses import replace

import pytest

from sidecar.core.incidents.payment_impact import (
    Payments,
    payment_impact_of_stack,
)
from sidecar.core.model.busy_wait import BusyAnswer, BusyVerdict
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    BusyAnswered,
    PauseRequested,
    PlannedRestartCancelled,
    PlannedRestartDue,
    ReleaseRequested,
    RestartRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_success
from sidecar.core.model.target import (
    AfterDependency,
    BusySettings,
    InstanceId,
    PlannedRestartSettings,
    RollingSettings,
    Target,
)
from sidecar.core.model.target_state import TargetState
from sidecar.core.recovery.busy_wait import instances_being_asked
from tests.support.rule_scenarios import restart_container
from tests.support.rule_world import SERVICE, WALLET, RuleWorld, container

NAME = SERVICE.name
FIRST, SECOND = f"{NAME}-1", f"{NAME}-2"
DRAIN_S = 20.0
DRAINED = replace(
    SERVICE,
    depends_on=(),
    preventive=PlannedRestartSettings("0 3 * * *"),
    rolling=RollingSettings(DRAIN_S),
)
BUSY = replace(DRAINED, busy=BusySettings(url="http://s:8080/busy"))
DRAIN, RESTART = Action.DRAIN, Action.RESTART


def start_replicas(target: Target = DRAINED, count: int = 2) -> RuleWorld:
    numbers = range(1, count + 1)
    containers = {InstanceId(NAME, n): container(NAME, n) for n in numbers}
    world = RuleWorld((target,), containers=containers)
    world.works(*(i.name for i in world.state.instances.values()))
    return world


def ask(world: RuleWorld, name: str = FIRST, *, now: bool = False) -> None:
    world.send(RestartRequested(world.now, name, now))


def answer(world: RuleWorld, verdict: BusyVerdict, name: str = FIRST) -> None:
    instance = world.instance(name)
    assert instance.container is not None
    run_id, busy_answer = instance.container.run, BusyAnswer(verdict)
    world.send(BusyAnswered(world.now, instance.id, run_id, busy_answer))


def test_a_working_replica_is_drained_before_its_restart() -> None:
    world = start_replicas()
    ask(world)
    assert world.acts() == [(FIRST, DRAIN)]
    drained = world.instance(FIRST)
    assert (drained.state, drained.cause) == (TargetState.DRAINING, None)
    assert "no new requests" in str(drained.reason)
    assert not world.is_acting(FIRST)
    world.wait(DRAIN_S - 0.5)
    assert world.acts() == [(FIRST, DRAIN)]
    world.wait(0.5)
    assert world.acts() == [(FIRST, DRAIN), (FIRST, RESTART)]
    assert world.is_acting(FIRST)
    restart = world.last(FIRST)
    assert restart.trigger is Trigger.OPERATOR
    assert "an operator asked for it; it was drained for 20 s" in str(restart.reason)
    world.complete_remedy(FIRST)
    world.works(FIRST)
    assert world.instance(FIRST).state is TargetState.HEALTHY
    assert world.instance(FIRST).restarts_total == 1


@pytest.mark.parametrize(
    ("target", "count"),
    [(replace(DRAINED, rolling=RollingSettings()), 2), (DRAINED, 1)],
    ids=["not configured", "one replica"],
)
def test_a_restart_comes_at_once_without_a_drain(target: Target, count: int) -> None:
    world = start_replicas(target, count)
    name = FIRST if count > 1 else NAME
    ask(world, name)
    assert world.acts() == [(name, RESTART)]


def test_the_restart_of_a_failed_replica_is_not_delayed_by_a_drain() -> None:
    world = start_replicas()
    world.fails(FIRST, Cause.REFUSED)
    assert world.acts() == [(FIRST, RESTART)]


def test_a_restart_now_is_not_preceded_by_a_drain_and_ends_one() -> None:
    world = start_replicas()
    ask(world, now=True)
    assert world.acts() == [(FIRST, RESTART)]
    world = start_replicas()
    ask(world)
    ask(world, now=True)
    assert world.acts() == [(FIRST, DRAIN), (FIRST, RESTART)]


def test_the_only_working_replica_is_restarted_without_a_drain() -> None:
    world = start_replicas()
    world.fails(SECOND, Cause.AUTH)
    ask(world)
    assert (FIRST, DRAIN) not in world.acts()


def test_a_drain_ends_without_a_restart_when_no_other_replica_works() -> None:
    world = start_replicas()
    ask(world)
    world.fails(SECOND, Cause.REFUSED, 1)
    last = world.last(FIRST)
    assert (last.action, last.guard) == (Action.HOLD, Guard.DRAINING)
    assert "no other replica of it works" in str(last.reason)
    assert world.instance(FIRST).state is TargetState.HEALTHY
    world.wait(DRAIN_S * 2)
    assert world.acts() == [(FIRST, DRAIN)], "the request is not kept"


def test_a_failure_elsewhere_does_not_wait_for_a_drain() -> None:
    world = start_replicas(count=3)
    ask(world)
    world.fails(SECOND, Cause.REFUSED)
    assert world.acts() == [(FIRST, DRAIN), (SECOND, RESTART)]
    world.wait(0.5)
    assert world.instance(FIRST).state is TargetState.HEALTHY
    assert "one remedy at a time" in str(world.last(FIRST).reason)


def test_a_replica_that_fails_during_its_drain_is_restarted_at_once() -> None:
    world = start_replicas()
    ask(world)
    world.fails(FIRST, Cause.REFUSED)
    assert world.acts() == [(FIRST, DRAIN), (FIRST, RESTART)]
    assert world.last(FIRST).trigger is Trigger.OPERATOR


def test_a_drain_ends_with_the_run_of_the_container() -> None:
    world = start_replicas()
    ask(world)
    restart_container(world, InstanceId(NAME, 1))
    assert "does not run as before" in str(world.last(FIRST).reason)
    assert world.instance(FIRST).remedy is None
    world = start_replicas()
    ask(world)
    world.exits(FIRST)
    world.wait(0.5)
    assert world.acts() == [(FIRST, DRAIN), (FIRST, Action.START)]


def test_a_drain_goes_on_while_its_replica_is_busy_and_ends_when_it_is_free() -> None:
    world = start_replicas(BUSY)
    ask(world)
    assert instances_being_asked(world.state, world.now) == (InstanceId(NAME, 1),)
    answer(world, BusyVerdict.FREE)
    world.wait(5.0)
    assert world.acts() == [(FIRST, DRAIN)], "the load balancer had no time yet"
    answer(world, BusyVerdict.BUSY)
    world.wait(5.0)
    assert world.acts() == [(FIRST, DRAIN)]
    answer(world, BusyVerdict.FREE)
    world.wait(0.5)
    assert world.acts() == [(FIRST, DRAIN), (FIRST, RESTART)]
    assert "was free" in str(world.last(FIRST).reason)
    assert not world.state.busy_waits


def test_a_drain_of_a_busy_replica_ends_after_its_longest_time() -> None:
    world = start_replicas(BUSY)
    ask(world)
    world.wait(DRAIN_S - 1.0)
    answer(world, BusyVerdict.BUSY)
    world.wait(1.0)
    assert world.acts() == [(FIRST, DRAIN), (FIRST, RESTART)]
    assert "is still busy" in str(world.last(FIRST).reason)


def test_nobody_is_asked_any_more_once_a_drain_ends_without_the_restart() -> None:
    world = start_replicas(BUSY)
    ask(world)
    assert world.state.busy_waits
    world.notice(FIRST, EngineEventKind.KILL, signal=15)
    world.exits(FIRST, 143)
    world.wait(0.5)
    assert world.instance(FIRST).state is TargetState.STOPPED
    assert not world.state.busy_waits


def test_a_dependent_is_asked_before_the_drain_and_not_after_it() -> None:
    wallet = replace(
        WALLET, rolling=RollingSettings(60.0), preventive=DRAINED.preventive
    )
    pair = {InstanceId(WALLET.name, n): container(WALLET.name, n) for n in (1, 2)}
    leaf = replace(BUSY, depends_on=(WALLET.name,))
    world = RuleWorld((wallet, leaf), containers=pair)
    first = f"{WALLET.name}-1"
    world.works(first, f"{WALLET.name}-2", NAME)
    world.send(PlannedRestartDue(world.now, WALLET.name))
    assert world.acts() == []
    answer(world, BusyVerdict.FREE, NAME)
    world.wait(60.5)
    assert world.acts() == [(first, DRAIN), (first, RESTART)]


def test_a_planned_restart_drains_each_replica_after_the_pause() -> None:
    world = start_replicas(BUSY)
    world.send(PlannedRestartDue(world.now, NAME))
    assert world.acts() == [(FIRST, DRAIN)], "it is not asked before its drain"
    world.wait(DRAIN_S)
    world.complete_remedy(FIRST)
    world.works(FIRST)
    back_s = world.now_s
    world.wait(25.0)
    last = world.last(SECOND)
    assert (last.action, last.guard) == (Action.HOLD, Guard.DRAINING)
    assert f"{FIRST} has just been restarted" in str(last.reason)
    world.wait(35.0)
    drains = [d for d in world.decisions if d.action is DRAIN]
    assert [d.name for d in drains] == [FIRST, SECOND]
    assert 28.0 <= drains[1].at.mono - back_s <= 31.0
    assert world.acts()[-1] == (SECOND, RESTART)
    world.complete_remedy(SECOND)
    world.works(SECOND)
    assert world.state.plan is None


def test_a_planned_drain_that_cannot_restart_is_repeated_later() -> None:
    world = start_replicas()
    world.send(PlannedRestartDue(world.now, NAME))
    world.fails(SECOND, Cause.REFUSED, 1)
    assert world.instance(FIRST).state is TargetState.HEALTHY
    world.works(SECOND)
    assert world.acts() == [(FIRST, DRAIN), (FIRST, DRAIN)]


def test_a_pause_during_a_drain_ends_it_without_the_restart() -> None:
    world = start_replicas()
    ask(world)
    world.send(PauseRequested(world.now, (NAME,)))
    world.wait(DRAIN_S)
    assert world.acts() == [(FIRST, DRAIN)]
    assert world.last(FIRST).guard is Guard.PAUSED
    assert world.instance(FIRST).state is TargetState.HEALTHY


def test_a_drain_ends_when_its_planned_restart_is_cancelled() -> None:
    world = start_replicas()
    world.send(PlannedRestartDue(world.now, NAME))
    world.send(PlannedRestartCancelled(world.now, NAME))
    world.wait(DRAIN_S)
    assert world.acts() == [(FIRST, DRAIN)]
    assert world.instance(FIRST).state is TargetState.HEALTHY


def test_a_drain_is_no_outage_for_payments() -> None:
    pair = {InstanceId(WALLET.name, n): container(WALLET.name, n) for n in (1, 2)}
    wallet = replace(WALLET, rolling=RollingSettings(DRAIN_S))
    world = RuleWorld((wallet,), containers=pair)
    first = f"{WALLET.name}-1"
    world.works(first, f"{WALLET.name}-2")
    ask(world, first)
    assert world.instance(first).state is TargetState.DRAINING
    assert payment_impact_of_stack(world.state).payments is Payments.FINE
    assert world.state.incidents == {}


def test_release_ends_a_drain() -> None:
    world = start_replicas()
    ask(world)
    world.send(ReleaseRequested(world.now, FIRST))
    assert world.instance(FIRST).remedy is None
    world.wait(DRAIN_S)
    assert world.acts() == [(FIRST, DRAIN)]


def test_dependents_do_not_wait_for_a_root_that_is_drained() -> None:
    leaf = replace(SERVICE, depends_on=(WALLET.name,))
    wallet = replace(WALLET, rolling=RollingSettings(DRAIN_S))
    pair = {InstanceId(WALLET.name, n): container(WALLET.name, n) for n in (1, 2)}
    world = RuleWorld((wallet, leaf), containers=pair)
    world.works(f"{WALLET.name}-1", f"{WALLET.name}-2", NAME)
    ask(world, f"{WALLET.name}-1")
    world.fails(NAME, Cause.HTTP_5XX)
    world.works(f"{WALLET.name}-1", f"{WALLET.name}-2", times=1)
    world.fails(NAME, Cause.HTTP_5XX, 1)
    assert world.acts()[-1] == (NAME, RESTART)


@pytest.mark.parametrize("order", [("pay", "shop"), ("shop", "pay")])
def test_drains_of_two_dependents_do_not_end_each_other(order: tuple[str, ...]) -> None:
    dependents = (
        replace(
            DRAINED,
            name=name,
            depends_on=(WALLET.name,),
            after_dependency=AfterDependency.ALWAYS,
        )
        for name in order
    )
    pairs = {InstanceId(s, n): container(s, n) for s in order for n in (1, 2)}
    world = RuleWorld((WALLET, *dependents), containers=pairs)
    replicas = [f"{service}-{n}" for service in ("pay", "shop") for n in (1, 2)]
    world.works(WALLET.name, *replicas)
    world.fails(WALLET.name, Cause.REFUSED)
    world.complete_remedy(WALLET.name)
    world.works(WALLET.name)
    for _ in range(150):
        world.wait(1.0)
        for name in replicas:
            if world.is_acting(name):
                world.complete_remedy(name)
            world.probe(name, probe_success())
    after_root = world.acts()[1:]
    assert sorted(after_root) == sorted(
        (n, a) for n in replicas for a in (DRAIN, RESTART)
    )
    assert after_root[:2] == [("pay-1", DRAIN), ("pay-1", RESTART)]


def test_a_drain_goes_on_during_the_verification_of_a_crash_loop() -> None:
    other = replace(SERVICE, name="other", depends_on=())
    pair = {InstanceId(NAME, n): container(NAME, n) for n in (1, 2)}
    world = RuleWorld((DRAINED, other), containers=pair)
    world.works(FIRST, SECOND, other.name)
    while not (world.instance(other.name).looping and world.is_acting(other.name)):
        if world.is_acting(other.name):
            world.complete_remedy(other.name)
        elif world.containers[InstanceId(other.name, 1)].status is Status.RUNNING:
            world.exits(other.name)
        world.wait(5.0)
        world.works(FIRST, SECOND, times=1)
    world.complete_remedy(other.name)
    before = len(world.acts())
    ask(world)
    world.wait(DRAIN_S)
    assert world.acts()[before:] == [(FIRST, DRAIN), (FIRST, RESTART)]
