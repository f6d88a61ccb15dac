"""A stopped process (state T) is certain before the time-out of the probe."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import PauseRequested, ProcessesInspected
from sidecar.core.model.probe_result import probe_failure, probe_success
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from tests.support.rule_scenarios import (
    INDEPENDENT,
    OTHER,
    RESTART,
    ROOT_INSTANCE,
    restart_container,
    start_healthy_wallet,
    start_healthy_world,
)
from tests.support.rule_world import WALLET, RuleWorld

ROOT = "electron-cash"


def start_wallet() -> RuleWorld:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    return world


def inspect_while_silent(world: RuleWorld, *stopped: str, since_s: float) -> None:
    instance = world.instance(ROOT)
    assert instance.container is not None
    world.send(
        ProcessesInspected(
            world.now,
            instance.id,
            instance.container.run,
            stopped,
            asked_mono=world.now_s,
            silent_since_mono=since_s,
        )
    )


def test_a_stopped_process_is_certain_while_the_answer_is_awaited() -> None:
    world = start_wallet()
    since_s = world.now_s
    world.wait(3.0)
    inspect_while_silent(world, "electron-cash", since_s=since_s)
    (decision,) = [d for d in world.decisions if d.action is Action.RESTART]
    assert decision.cause is Cause.HUNG
    assert "no answer for 3.0 s so far, a process of it is stopped" in str(
        decision.reason
    )
    assert world.instance(ROOT).health.cause_mono == since_s


def test_silence_alone_is_no_failure_yet() -> None:
    world = start_wallet()
    since_s = world.now_s
    world.wait(3.0)
    inspect_while_silent(world, since_s=since_s)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.decisions == []


def test_an_answer_before_the_inspection_counts() -> None:
    world = start_wallet()
    since_s = world.now_s
    world.wait(3.0)
    world.probe(ROOT, probe_success())
    inspect_while_silent(world, "electron-cash", since_s=since_s)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.decisions == []


def test_a_stopped_process_that_continues_and_answers_is_not_restarted() -> None:
    world = start_wallet()
    world.send(PauseRequested(world.now, (ROOT,), None))
    since_s = world.now_s
    world.wait(3.0)
    inspect_while_silent(world, "electron-cash", since_s=since_s)
    assert world.instance(ROOT).state is TargetState.DOWN
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    assert world.instance(ROOT).state is TargetState.FAILING


def test_a_stopped_process_in_a_start_does_not_count() -> None:
    world = start_wallet()
    now = world.now.wall
    world.notice(ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=now)
    since_s = world.now_s
    world.wait(3.0)
    inspect_while_silent(world, "electron-cash", since_s=since_s)
    assert world.acts() == []


def test_an_inspection_of_the_old_run_during_a_restart_does_not_count() -> None:
    world = start_wallet()
    world.probe(ROOT, probe_failure(Cause.REFUSED, text_reason("refused")))
    world.fails(ROOT, Cause.REFUSED, 2)
    assert world.is_acting(ROOT)
    before = world.instance(ROOT).health.failures
    since_s = world.now_s
    world.wait(3.0)
    inspect_while_silent(world, "electron-cash", since_s=since_s)
    assert world.instance(ROOT).health.failures == before


def test_a_stopped_process_out_of_reach_is_restarted() -> None:
    world = start_healthy_world(targets=(WALLET, INDEPENDENT))
    world.fails(OTHER, Cause.DETACHED, 1, path_fault=True)
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0, path_fault=True)
    world.inspect_processes(ROOT, "electron-cash")
    assert world.acts() == [(ROOT, RESTART)]


def test_a_stopped_process_that_continued_is_forgotten_with_its_streak() -> None:
    world = start_healthy_world(targets=(WALLET,))
    world.send(PauseRequested(world.now, (ROOT,), world.now.wall + 20.0))
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    world.inspect_processes(ROOT, "electron-cash")
    world.works(ROOT)
    world.wait(20.0)
    failed = world.now_s
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    assert world.acts() == []
    health = world.instance(ROOT).health
    assert (health.first_failure_mono, health.cause_mono) == (failed, failed)


def test_a_stopped_process_seen_before_the_last_success_does_not_count() -> None:
    world = start_healthy_wallet()
    world.fails(ROOT, Cause.HUNG, 1)
    world.probe(ROOT, probe_success())
    world.inspect_processes(ROOT, "wallet")
    world.fails(ROOT, Cause.HUNG, 1)
    assert world.instance(ROOT).state is TargetState.FAILING


def test_a_stopped_process_of_an_older_run_does_not_count() -> None:
    world = start_healthy_wallet()
    old = world.instance(ROOT).container
    assert old is not None
    world.fails(ROOT, Cause.HUNG, 1)
    restart_container(world)
    world.works(ROOT)
    world.fails(ROOT, Cause.HUNG, 1)
    world.send(ProcessesInspected(world.now, ROOT_INSTANCE, old.run, ("wallet",)))
    assert world.instance(ROOT).state is TargetState.FAILING
