"""A daemon without an answer counts as hung only after `hang_after`."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.event import PauseRequested
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_result import probe_success
from sidecar.core.model.target_state import TargetState
from tests.support.rule_scenarios import (
    RESTART,
    ROOT,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import WALLET, RuleWorld


def hang_for(world: RuleWorld, name: str, seconds: float = 60.0) -> None:
    """Silent for that long, with a time-out of 10 s a probe."""
    end = world.now_s + seconds
    while world.now_s < end and not world.instance(name).remedy:
        world.fails(name, Cause.HUNG, 1, took_s=10.0)
        if world.instance(name).health.failures:
            world.inspect_processes(name)


def test_silence_is_a_hang_only_after_hang_after() -> None:
    world = start_healthy_world()
    hang_for(world, ROOT, 36.0)
    assert world.instance(ROOT).health.failures >= 3
    assert world.acts() == []
    hang_for(world, ROOT, 20.0)
    assert world.acts() == [(ROOT, RESTART)]


def test_a_silence_of_30_s_causes_no_restart() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.HUNG, 2, took_s=10.0)
    world.probe(ROOT, probe_success(), 6.0)
    world.works(ROOT)
    assert world.acts() == []
    assert world.instance(ROOT).state is TargetState.HEALTHY


def test_a_stopped_process_is_restarted_at_once() -> None:
    world = start_healthy_world()
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    assert world.last(ROOT).action is Action.LOOK
    world.inspect_processes(ROOT, "electron-cash daemon")
    assert world.acts() == [(ROOT, RESTART)]
    assert "state T" in str(world.last(ROOT).reason)


def test_processes_are_inspected_once_in_a_streak() -> None:
    world = start_healthy_world()
    hang_for(world, ROOT, 30.0)
    world.works(ROOT)
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    looks = [d for d in world.decisions if d.action is Action.LOOK]
    assert len(looks) == 2


def test_processes_are_inspected_again_in_a_new_silence() -> None:
    world = start_healthy_wallet()
    world.send(PauseRequested(world.now, (ROOT,), None))
    world.fails(ROOT, Cause.REFUSED)
    world.fails(ROOT, Cause.HUNG, 1)
    world.probe(ROOT, probe_success())
    world.fails(ROOT, Cause.HUNG, 1)
    assert world.decision_guards(ROOT)[-2:] == [(Action.LOOK, Guard.NONE)] * 2


def test_one_silence_after_a_long_upstream_loss_is_no_hang() -> None:
    world = start_healthy_world(targets=(WALLET,))
    for _ in range(60):
        world.fails(ROOT, Cause.UPSTREAM_LOST, 1)
    world.fails(ROOT, Cause.HUNG, 3, took_s=10.0)
    assert world.acts() == []
    world.fails(ROOT, Cause.HUNG, 2, took_s=10.0)
    assert world.acts() == [(ROOT, RESTART)]
