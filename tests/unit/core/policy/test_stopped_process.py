"""State T, seen while an answer is still awaited, is certain without the time-out."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.event import EngineEventKind, PauseRequested, ProcessesInspected
from sidecar.core.model.probe_result import probe_failure, probe_success
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import text_reason
from tests.support.rule_world import WALLET, RuleWorld

ROOT = "electron-cash"


def alone() -> RuleWorld:
    world = RuleWorld((WALLET,))
    world.works(ROOT)
    return world


def silent(world: RuleWorld, *stopped: str, since_s: float) -> None:
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
    world = alone()
    since_s = world.now_s
    world.wait(3.0)
    silent(world, "electron-cash", since_s=since_s)
    (decided,) = [d for d in world.decisions if d.action is Action.RESTART]
    assert decided.cause is Cause.HUNG
    assert "no answer for 3.0 s so far, a process of it is stopped" in str(
        decided.reason
    )
    assert world.instance(ROOT).health.cause_mono == since_s


def test_silence_alone_is_no_failure_yet() -> None:
    world = alone()
    since_s = world.now_s
    world.wait(3.0)
    silent(world, since_s=since_s)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.decisions == []


def test_an_answer_that_came_first_counts() -> None:
    world = alone()
    since_s = world.now_s
    world.wait(3.0)
    world.probe(ROOT, probe_success())
    silent(world, "electron-cash", since_s=since_s)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    assert world.decisions == []


def test_one_that_goes_on_and_answers_after_all_is_not_held_guilty() -> None:
    world = alone()
    world.send(PauseRequested(world.now, (ROOT,), None))
    since_s = world.now_s
    world.wait(3.0)
    silent(world, "electron-cash", since_s=since_s)
    assert world.instance(ROOT).state is TargetState.DOWN
    world.works(ROOT)
    assert world.instance(ROOT).state is TargetState.HEALTHY
    world.fails(ROOT, Cause.HUNG, 1, took_s=10.0)
    assert world.instance(ROOT).state is TargetState.FAILING


def test_a_stopped_process_in_a_start_does_not_count() -> None:
    world = alone()
    now = world.now.wall
    world.notice(ROOT, EngineEventKind.START, status=Status.RUNNING, started_at=now)
    since_s = world.now_s
    world.wait(3.0)
    silent(world, "electron-cash", since_s=since_s)
    assert world.acts() == []


def test_during_a_restart_nothing_is_held_against_the_old_run() -> None:
    world = alone()
    world.probe(ROOT, probe_failure(Cause.REFUSED, text_reason("refused")))
    world.fails(ROOT, Cause.REFUSED, 2)
    assert world.is_acting(ROOT)
    before = world.instance(ROOT).health.failures
    since_s = world.now_s
    world.wait(3.0)
    silent(world, "electron-cash", since_s=since_s)
    assert world.instance(ROOT).health.failures == before
