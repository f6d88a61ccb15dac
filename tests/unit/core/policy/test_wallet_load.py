"""A wallet that is not loaded is loaded; the daemon is not restarted for it."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_failure
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import RemedyEnded, RemedyOutcome
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.polite_stop import LOADING_S
from sidecar.core.recovery.remedy_begin import ACT_MARGIN_S
from tests.support.rule_scenarios import (
    INDEPENDENT,
    NO_WALLET,
    OTHER,
    RESTART,
    ROOT,
    list_remedy_outcomes,
    start_healthy_world,
)
from tests.support.rule_world import EPOCH, WALLET, RuleWorld, container


def test_a_wallet_that_is_not_loaded_is_loaded_at_once_and_nothing_restarted() -> None:
    fresh = container(ROOT, started_at=EPOCH + 1000.0)
    world = RuleWorld((WALLET,), containers={InstanceId(ROOT, 1): fresh})
    world.probe(
        ROOT,
        probe_failure(
            Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
        ),
    )
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    world.complete_remedy(ROOT, restart=False)
    world.works(ROOT)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_each_start_gets_one_load_after_earlier_loads_failed() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(100):
        world.fails(ROOT, Cause.WALLET_NOT_LOADED, 1)
        if world.instance(ROOT).loading:
            world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    assert world.last(ROOT).guard is Guard.BACKOFF
    before = len(world.acts())
    instance_id = InstanceId(ROOT, 1)
    world.containers[instance_id] = container(ROOT, started_at=world.now.wall)
    world.relist()
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 1)
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 5)
    assert world.acts()[before:] == [(ROOT, Action.LOAD_WALLET)]


def test_the_wallet_is_loaded_within_the_verification_of_a_restart() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.REFUSED)
    world.complete_remedy(ROOT)
    world.probe(
        ROOT,
        probe_failure(
            Cause.WALLET_NOT_LOADED, text_reason("no wallet"), rpc_answers=True
        ),
    )
    assert world.acts() == [(ROOT, RESTART), (ROOT, Action.LOAD_WALLET)]
    world.complete_remedy(ROOT, restart=False)
    world.works(ROOT)
    ends = [t for t in world.transitions if isinstance(t, RemedyEnded)]
    assert [(e.action, e.outcome) for e in ends] == [(RESTART, RemedyOutcome.RECOVERED)]


def test_no_wallet_is_loaded_where_load_wallet_is_off() -> None:
    probe = ElectronCashProbe("http://e:7777/", load_wallet=False)
    world = start_healthy_world(targets=(replace(WALLET, probes=(probe,)),))
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 5)
    assert world.acts() == []
    assert world.last(ROOT).action is Action.PAGE


def test_nobody_is_paged_between_a_failed_load_and_the_next_probe() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 3)
    world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
    world.wait(5.0)
    for _ in range(10):
        world.fails(ROOT, Cause.WALLET_NOT_LOADED, 1)
        if world.instance(ROOT).loading:
            world.complete_remedy(ROOT, RemedyCallResult.FAILED, restart=False)
            world.wait(1.0)
    assert not [d for d in world.decisions if d.action is Action.PAGE]


def test_a_load_without_a_result_holds_the_stack_only_until_its_deadline() -> None:
    world = start_healthy_world(targets=(WALLET, INDEPENDENT))
    world.probe(ROOT, NO_WALLET)
    world.fails(OTHER, Cause.REFUSED)
    assert world.acts() == [(ROOT, Action.LOAD_WALLET)]
    world.wait(ACT_MARGIN_S + LOADING_S + 1.0)
    assert (OTHER, RESTART) in world.acts()


def test_a_load_without_effect_uses_no_restart_try() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.probe(ROOT, NO_WALLET)
    world.complete_remedy(ROOT, restart=False)
    for _ in range(70):
        world.probe(ROOT, NO_WALLET)
        world.now_s += 2.0
    assert (ROOT, RemedyOutcome.NOT_RECOVERED) in list_remedy_outcomes(world)
    assert world.instance(ROOT).lane.not_before == 0.0
