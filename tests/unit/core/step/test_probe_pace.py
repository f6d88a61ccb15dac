"""The pace of probes: quick, at the interval, or slow."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.target_state import TargetState
from sidecar.core.step.probe_interval import SLOW_FACTOR, probe_interval_s
from tests.support.rule_scenarios import (
    LEAF,
    ROOT,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import WALLET


def test_a_root_that_is_down_is_probed_unhurriedly_while_dependents_fail() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.AUTH, 5)
    world.fails(LEAF, Cause.HTTP_5XX, 5)
    pace = probe_interval_s(world.state, world.instance(ROOT))
    assert pace == WALLET.cadence.interval_s * SLOW_FACTOR


def test_a_root_is_probed_quickly_until_it_answers_after_a_dependent_failed() -> None:
    world = start_healthy_world()
    world.fails(LEAF, Cause.HTTP_5XX, 1)
    root = world.instance(ROOT)
    assert probe_interval_s(world.state, root) == WALLET.cadence.fast_interval_s
    world.works(ROOT, times=1)
    root = world.instance(ROOT)
    assert probe_interval_s(world.state, root) == WALLET.cadence.interval_s


def test_a_stopped_target_is_probed_quickly_after_its_start() -> None:
    world = start_healthy_wallet()
    world.notice(ROOT, EngineEventKind.KILL)
    world.exits(ROOT, 143)
    assert world.last(ROOT).action is Action.PAGE
    world.now_s += 60.0
    world.notice(
        ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=world.now.wall
    )
    assert world.instance(ROOT).state is TargetState.STARTING
    every_s = probe_interval_s(world.state, world.instance(ROOT))
    assert every_s == WALLET.cadence.fast_interval_s
