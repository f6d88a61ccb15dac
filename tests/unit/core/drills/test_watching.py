"""Watching of a drill: right and wrong actions, times, and early ends."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status, StopReport
from sidecar.core.model.decision import Action
from sidecar.core.model.drill import DrillOutcome, DrillPhase, DrillRecord
from sidecar.core.model.drill_event import DrillCancelled, DrillUndone
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.event import (
    EngineReachabilityChanged,
    PauseRequested,
    RestartRequested,
)
from sidecar.core.model.lease import ClusterSettings, LeaseStatus
from sidecar.core.model.probe_result import ProbeWarning, probe_success
from sidecar.core.model.target import Mode
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.takeover import restore_state
from tests.support.drill_world import LEAF, ROOT, DrillWorld
from tests.support.rule_world import SERVICE, WALLET

OTHER = replace(SERVICE, name="shop", service="shop", depends_on=())
SLOW = replace(
    probe_success(), warnings=(ProbeWarning.SLOW,), reason=text_reason("5.0 s")
)
QUICK = replace(WALLET, objective=DrillObjective(detect_s=20.0, recover_s=30.0))


def quick_world() -> DrillWorld:
    world = DrillWorld(targets=(QUICK, SERVICE, OTHER))
    world.works(OTHER.name)
    return world


def verdict(record: DrillRecord) -> tuple[DrillOutcome, R]:
    return record.outcome, record.reason.code


def test_times_begin_with_the_fault() -> None:
    world = quick_world()
    world.begin(DrillFault.REFUSE)
    began_s = world.now_s
    world.fails(ROOT, Cause.REFUSED)
    detected_s = world.now_s
    world.cure()
    record_s = world.now_s
    world.undo()
    world.works(LEAF)
    record = world.record
    assert record.detect_s is not None
    assert 4.0 < record.detect_s <= detected_s - began_s
    assert record.decide_s == record.detect_s
    assert record.recover_s is not None
    assert record.detect_s < record.recover_s <= record_s - began_s


def test_dependents_that_the_fault_reaches_are_on_record() -> None:
    world = quick_world()
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.fails(OTHER.name, Cause.HTTP_5XX, times=1)
    world.fails(LEAF, Cause.HTTP_5XX, times=1)
    world.cure()
    world.undo()
    world.works(LEAF)
    assert world.record.others == (LEAF,)


def test_drill_ends_only_once_its_dependents_work_again() -> None:
    world = quick_world()
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.cure()
    world.undo()
    world.wait(5.0)
    assert world.find_phase() is DrillPhase.RECOVERING
    world.works(LEAF)
    assert world.record.outcome is DrillOutcome.PASSED


def test_drill_ends_only_once_no_dependent_is_being_restarted() -> None:
    world = quick_world()
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.cure()
    world.send(RestartRequested(world.now, LEAF, now=True))
    world.undo()
    world.wait(1.0)
    assert world.find_phase() is DrillPhase.RECOVERING
    world.cure(LEAF)
    assert world.record.outcome is DrillOutcome.PASSED


def test_effect_that_comes_before_the_answer_to_the_call_took_no_time() -> None:
    world = quick_world()
    world.ask(DrillFault.KILL)
    world.prepare()
    world.kill()
    world.now_s += 1.0
    world.inject()
    world.wait(1.0)
    world.cure()
    world.undo()
    world.works(LEAF)
    assert world.record.detect_s == 0.0


def test_recovery_without_an_action_of_sidecar_proves_nothing() -> None:
    world = quick_world()
    world.begin(DrillFault.REFUSE)
    world.state = replace(world.state, restarts=(world.now_s,) * 30)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == []
    world.start()
    world.works(ROOT, LEAF, times=3)
    world.undo()
    world.works(ROOT, LEAF)
    assert verdict(world.record) == (
        DrillOutcome.INTERRUPTED,
        R.DRILL_NOT_BY_SIDECAR,
    )


def test_fault_that_is_not_detected_misses_the_objective() -> None:
    world = quick_world()
    world.begin(DrillFault.HANG)
    world.wait(79.0)
    assert world.find_phase() is DrillPhase.WATCHING
    world.wait(2.0)
    assert world.find_phase() is DrillPhase.UNDOING
    world.undo()
    world.works(ROOT)
    assert verdict(world.record) == (DrillOutcome.MISSED, R.DRILL_NOT_DETECTED)


def test_late_detection_and_late_recovery_miss_the_objective() -> None:
    late_detection = quick_world()
    late_detection.begin(DrillFault.REFUSE)
    late_detection.wait(19.0)
    late_detection.fails(ROOT, Cause.REFUSED)
    late_detection.cure()
    late_detection.undo()
    late_detection.works(LEAF)
    assert verdict(late_detection.record) == (
        DrillOutcome.MISSED,
        R.DRILL_DETECTED_LATE,
    )
    late_recovery = quick_world()
    late_recovery.begin(DrillFault.REFUSE)
    late_recovery.fails(ROOT, Cause.REFUSED)
    late_recovery.wait(30.0)
    late_recovery.cure()
    late_recovery.undo()
    late_recovery.works(LEAF)
    assert verdict(late_recovery.record) == (
        DrillOutcome.MISSED,
        R.DRILL_RECOVERED_LATE,
    )


def test_target_that_never_works_again_fails_the_drill() -> None:
    world = quick_world()
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.wait(91.0)
    world.undo()
    world.wait(91.0)
    assert verdict(world.record) == (DrillOutcome.FAILED, R.DRILL_NOT_RECOVERED)


def test_restart_of_a_fault_that_is_to_be_left_alone_is_wrong() -> None:
    world = quick_world()
    world.begin(DrillFault.NETCUT)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, Action.RESTART)]
    world.cure()
    world.undo()
    world.works(ROOT, LEAF, times=3)
    record = world.record
    assert verdict(record) == (DrillOutcome.FAILED, R.DRILL_WRONG_ACT)
    assert [(a.name, a.action) for a in record.wrong_acts] == [(ROOT, Action.RESTART)]


def test_restart_of_a_target_that_needs_it_not_is_wrong() -> None:
    world = quick_world()
    world.begin(DrillFault.STOP)
    world.stop()
    world.fails(OTHER.name, Cause.HTTP_5XX)
    world.wait(1.0)
    assert world.acts() == [(OTHER.name, Action.RESTART)]
    assert [act.name for act in world.drill.acts if not act.is_right] == [OTHER.name]
    assert world.find_phase() is DrillPhase.UNDOING


def test_slow_target_is_detected_as_degraded_and_must_be_healthy_again() -> None:
    world = quick_world()
    world.begin(DrillFault.SLOW)
    world.probe(ROOT, SLOW)
    assert world.drill.detected is not None
    world.wait(16.0)
    world.undo()
    world.probe(ROOT, SLOW)
    assert world.find_phase() is DrillPhase.RECOVERING
    world.works(ROOT)
    assert verdict(world.record) == (DrillOutcome.PASSED, R.DRILL_LEFT_ALONE)


def test_killed_container_is_started_without_waiting_for_the_engines_policy() -> None:
    world = quick_world()
    instance_id = world.instance(ROOT).id
    policy = replace(world.containers[instance_id], restart_policy="unless-stopped")
    world.containers[instance_id] = policy
    world.relist()
    world.begin(DrillFault.KILL)
    world.kill()
    world.wait(1.0)
    assert world.acts() == [(ROOT, Action.START)]


@pytest.mark.parametrize("report", StopReport)
def test_drills_kill_is_no_stop_whatever_the_engine_reports(report: StopReport) -> None:
    world = quick_world()
    instance_id = world.instance(ROOT).id
    reported = replace(world.containers[instance_id], stop_report=report)
    world.containers[instance_id] = reported
    world.relist()
    world.begin(DrillFault.KILL)
    world.wait(0.5)
    world.kill()
    world.wait(1.0)
    assert world.acts() == [(ROOT, Action.START)]


@pytest.mark.parametrize("report", StopReport)
def test_drills_kill_is_no_stop_where_only_lists_tell_of_it(report: StopReport) -> None:
    """Not even the second one soon after our start, which is else taken for a stop."""
    world = quick_world()
    deaf = EngineReachabilityChanged(world.now, reachable=True, deaf="no events")
    world.send(deaf)
    for _ in range(2):
        world.begin(DrillFault.KILL)
        killed = world.instance(ROOT).id
        world.containers[killed] = replace(
            world.containers[killed],
            status=Status.EXITED,
            exit_code=137,
            finished_at=world.now.wall,
            stop_report=report,
            pid=0,
        )
        world.wait(0.5)
        world.relist()
        world.wait(0.5)
        world.cure()
        world.undo()
        world.works(LEAF)
        assert world.record.outcome is DrillOutcome.PASSED
    assert world.acts() == [(ROOT, Action.START)] * 2


def test_kill_of_somebody_else_in_a_drill_is_a_persons_stop() -> None:
    world = quick_world()
    world.begin(DrillFault.HANG)
    world.kill()
    world.wait(1.0)
    assert world.instance(ROOT).state is TargetState.STOPPED
    assert world.acts() == []


def cancel(world: DrillWorld) -> None:
    world.send(DrillCancelled(world.now, world.drill.id))


def undo_before_exit(world: DrillWorld) -> None:
    world.send(DrillUndone(world.now, world.drill.id))


def lose_lease(world: DrillWorld) -> None:
    lease = LeaseStatus(ClusterSettings("redis://r"), "me", holder="other", asked=True)
    world.state = replace(world.state, lease=lease)


def observe(world: DrillWorld) -> None:
    world.state = replace(world.state, mode=Mode.OBSERVE)


def pause(world: DrillWorld) -> None:
    world.send(PauseRequested(world.now, (ROOT,)))


def restart(world: DrillWorld) -> None:
    world.send(RestartRequested(world.now, ROOT, now=True))


def unwatch(world: DrillWorld) -> None:
    world.targets = (OTHER,)
    world.relist()


INTERRUPTIONS = [
    (cancel, R.DRILL_CANCELLED),
    (undo_before_exit, R.DRILL_INTERRUPTED),
    (lose_lease, R.LEASE_ELSEWHERE),
    (observe, R.DRILL_OBSERVED),
    (pause, R.ACTING_PAUSED),
    (restart, R.DRILL_CROSSED),
    (unwatch, R.DRILL_UNWATCHED),
]


@pytest.mark.parametrize(("end", "code"), INTERRUPTIONS)
def test_drill_that_says_nothing_any_more_is_undone_at_once(
    end: Callable[[DrillWorld], None], code: R
) -> None:
    world = quick_world()
    world.begin(DrillFault.HANG)
    end(world)
    world.wait(0.5)
    if world.find_phase() is DrillPhase.UNDOING:
        world.undo()
    world.wait(91.0 if ROOT in world.state.targets else 0.5)
    assert verdict(world.record) == (DrillOutcome.INTERRUPTED, code)


def test_drill_cancelled_before_its_fault_ends_at_once() -> None:
    world = quick_world()
    world.ask(DrillFault.HANG)
    world.send(DrillCancelled(world.now, world.drill.id))
    assert verdict(world.record) == (DrillOutcome.INTERRUPTED, R.DRILL_CANCELLED)


def test_drill_whose_undo_fails_ends_when_a_person_cancels_it() -> None:
    world = quick_world()
    world.begin(DrillFault.HANG)
    cancel(world)
    cancel(world)
    assert world.find_phase() is DrillPhase.UNDOING
    refusal = text_reason("403: forbidden")
    world.send(DrillUndone(world.now, world.drill.id, refusal))
    cancel(world)
    assert verdict(world.record) == (DrillOutcome.FAILED, R.DRILL_UNDO_FAILED)


def test_fault_that_cannot_be_prepared_or_made_is_a_refusal() -> None:
    unprepared = quick_world()
    unprepared.ask(DrillFault.HANG)
    unprepared.prepare(text_reason("a wrapper"))
    assert verdict(unprepared.record) == (DrillOutcome.REFUSED, R.TEXT)
    halfway = quick_world()
    halfway.ask(DrillFault.NETCUT)
    halfway.prepare()
    halfway.inject(text_reason("403"))
    assert halfway.find_phase() is DrillPhase.UNDOING
    halfway.undo()
    halfway.works(ROOT)
    assert verdict(halfway.record) == (DrillOutcome.REFUSED, R.TEXT)


@pytest.mark.parametrize("is_prepared", [False, True])
def test_runner_that_does_not_answer_ends_the_drill(*, is_prepared: bool) -> None:
    world = quick_world()
    world.ask(DrillFault.HANG)
    if is_prepared:
        world.prepare()
    world.wait(61.0)
    if is_prepared:
        world.undo()
        world.works(ROOT)
    assert verdict(world.record) == (DrillOutcome.REFUSED, R.DRILL_TOO_SLOW)


def test_undo_that_is_reported_twice_changes_nothing() -> None:
    world = quick_world()
    world.begin(DrillFault.STOP)
    world.stop()
    world.wait(16.0)
    world.start()
    world.undo()
    world.send(DrillUndone(world.now, world.drill.id, text_reason("again")))
    world.works(ROOT, LEAF, times=3)
    assert world.record.outcome is DrillOutcome.PASSED


def test_late_answers_of_an_earlier_drill_are_ignored() -> None:
    world = quick_world()
    world.begin(DrillFault.HANG)
    world.send(DrillUndone(world.now, "another"))
    world.send(DrillCancelled(world.now, "another"))
    assert world.find_phase() is DrillPhase.WATCHING


@pytest.mark.parametrize("fault", DrillFault)
def test_next_process_undoes_whatever_phase_the_drill_was_in(fault: DrillFault) -> None:
    world = quick_world()
    world.ask(fault)
    phases = []
    steps: tuple[Callable[[], None], ...] = (world.prepare, world.inject, lambda: None)
    for step in steps:
        restored = restore_state(world.state, world.now, world.now)
        assert restored.drill is not None
        phases.append(restored.drill.phase)
        assert restored.drill.interrupted
        step()
    assert phases == [DrillPhase.PREPARING, DrillPhase.UNDOING, DrillPhase.UNDOING]


def test_drill_restored_before_its_fault_is_recorded_without_an_undo() -> None:
    world = quick_world()
    world.ask(DrillFault.KILL)
    world.state = restore_state(world.state, world.now, world.now)
    world.wait(0.5)
    assert verdict(world.record) == (DrillOutcome.INTERRUPTED, R.DRILL_INTERRUPTED)


def test_stop_that_a_drill_made_before_a_restart_of_sidecar_stays_a_stop() -> None:
    world = quick_world()
    world.begin(DrillFault.KILL)
    killed = world.instance(ROOT).id
    world.containers[killed] = replace(
        world.containers[killed],
        status=Status.EXITED,
        exit_code=137,
        finished_at=world.now.wall,
        pid=0,
    )
    world.state = restore_state(world.state, world.now, world.now)
    world.relist()
    world.wait(1.0)
    assert world.instance(ROOT).state is not TargetState.STOPPED


def test_pause_of_an_earlier_drill_ends_with_it() -> None:
    world = quick_world()
    world.begin(DrillFault.PAUSE)
    world.notice(ROOT, EngineEventKind.PAUSE, status=Status.PAUSED)
    world.wait(16.0)
    world.undo()
    world.wait(5.0)
    assert world.find_phase() is DrillPhase.RECOVERING
    world.notice(ROOT, EngineEventKind.UNPAUSE, status=Status.RUNNING)
    world.works(ROOT, LEAF, times=3)
    assert world.record.outcome is DrillOutcome.PASSED
