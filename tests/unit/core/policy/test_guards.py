"""Guards that hold a restart: mode, pause, engine, list age, other remedies."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PauseRequested,
    ResumeRequested,
)
from sidecar.core.model.guard import Guard
from sidecar.core.model.target import Mode, RestartSettings
from sidecar.core.model.target_state import TargetState
from tests.support.rule_scenarios import LEAF, RESTART, ROOT, start_healthy_world
from tests.support.rule_world import SERVICE, WALLET


def test_observe_mode_says_what_it_would_do() -> None:
    world = start_healthy_world(mode=Mode.OBSERVE)
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.OBSERVE
    assert "would now restart" in str(world.last(ROOT).reason)


def test_disabled_restarts_stop_remedies_and_not_probes() -> None:
    watched = replace(WALLET, restart=RestartSettings(enabled=False))
    world = start_healthy_world(targets=(watched,))
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.OPTED_OUT
    assert world.instance(ROOT).state is TargetState.DOWN


def test_a_pause_holds_until_it_ends_by_itself() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,), world.now.wall + 60.0))
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.last(ROOT).guard is Guard.PAUSED
    world.wait(61.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_pause_holds_until_it_is_resumed() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,)))
    world.fails(ROOT, Cause.REFUSED, 5)
    world.send(ResumeRequested(world.now, (ROOT,)))
    assert world.acts() == [(ROOT, RESTART)]


def test_an_unreachable_engine_holds_a_restart_until_it_returns() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.fails(ROOT, Cause.REFUSED, 5)
    assert world.last(ROOT).guard is Guard.ENGINE
    world.send(EngineReachabilityChanged(world.now, reachable=True))
    world.relist()
    assert world.acts() == [(ROOT, RESTART)]


def test_no_wallet_is_loaded_while_the_engine_is_unreachable() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.send(
        EngineReachabilityChanged(world.now, reachable=False, reason="no socket")
    )
    world.fails(ROOT, Cause.WALLET_NOT_LOADED, 5)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.ENGINE


def test_an_old_list_of_containers_holds_a_restart() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.lists = False
    world.now_s += 91.0
    world.fails(ROOT, Cause.REFUSED, 3)
    assert world.acts() == []
    assert world.last(ROOT).guard is Guard.ENGINE


def test_one_remedy_at_a_time_in_a_stack() -> None:
    other = replace(SERVICE, depends_on=())
    world = start_healthy_world(targets=(WALLET, other))
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    assert world.acts() == [(ROOT, RESTART)]
    assert world.last(LEAF).guard is Guard.REMEDY_RUNNING
    world.complete_remedy(ROOT)
    world.works(ROOT)
    assert world.last(LEAF).guard is Guard.DEPENDENCY, "it may have needed the wallet"
    world.wait(other.settle_s)
    assert world.acts() == [(ROOT, RESTART), (LEAF, RESTART)]
