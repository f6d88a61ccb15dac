"""Replicas of one target: instances of their own, and roots together."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import RecoverRequested, RemedyCallResult
from sidecar.core.model.target import InstanceId
from tests.support.rule_scenarios import LEAF, RESTART, ROOT, start_healthy_world
from tests.support.rule_world import WALLET, RuleWorld, container


def start_two_wallets() -> RuleWorld:
    pair = {InstanceId(ROOT, n): container(ROOT, n) for n in (1, 2)}
    world = RuleWorld(containers=pair)
    world.works(f"{ROOT}-1", f"{ROOT}-2", LEAF)
    return world


def test_replicas_are_instances_with_names_of_their_own() -> None:
    world = start_healthy_world(targets=(WALLET,))
    assert [i.name for i in world.state.instances.values()] == [ROOT]
    world.containers[InstanceId(ROOT, 2)] = container(ROOT, 2)
    world.relist()
    names = [i.name for i in world.state.instances.values()]
    assert names == [f"{ROOT}-1", f"{ROOT}-2"]
    world.works(f"{ROOT}-2")
    world.fails(f"{ROOT}-1", Cause.REFUSED)
    assert world.acts() == [(f"{ROOT}-1", RESTART)]


def test_a_replica_that_an_operator_stopped_does_not_hold_the_dependents() -> None:
    world = start_two_wallets()
    world.notice(f"{ROOT}-2", EngineEventKind.KILL)
    world.exits(f"{ROOT}-2", 143)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.works(f"{ROOT}-1", times=1)
    assert world.acts() == [(LEAF, RESTART)]


def test_a_replica_that_is_down_is_restarted_before_the_dependents() -> None:
    world = start_two_wallets()
    world.fails(f"{ROOT}-2", Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX, 4)
    assert world.acts() == [(f"{ROOT}-2", RESTART)]


def test_recover_accepts_the_name_of_a_replica() -> None:
    world = start_two_wallets()
    name = f"{ROOT}-1"
    world.fails(name, Cause.REFUSED)
    world.complete_remedy(name, RemedyCallResult.FAILED, restart=False)
    assert world.state.ledger
    world.send(RecoverRequested(world.now, name))
    assert world.state.ledger == {}
