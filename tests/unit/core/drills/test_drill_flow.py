"""Drills from their request to their record, for each kind of fault."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Action
from sidecar.core.model.drill import DrillOutcome, DrillPhase
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.reason.code import ReasonCode as R
from tests.support.drill_world import LEAF, ROOT, DrillWorld


def test_drill_that_begins_touches_nothing_before_its_undo_is_known() -> None:
    world = DrillWorld()
    world.ask(DrillFault.KILL)
    assert world.find_phase() is DrillPhase.PREPARING
    assert not world.drill.undo
    world.prepare()
    assert world.find_phase() is DrillPhase.INJECTING
    assert world.drill.undo
    world.inject()
    assert world.find_phase() is DrillPhase.WATCHING


def test_killed_container_is_started_and_the_drill_passes() -> None:
    world = DrillWorld()
    world.begin(DrillFault.KILL)
    world.kill()
    world.wait(1.0)
    assert world.acts() == [(ROOT, Action.START)]
    world.cure()
    assert world.find_phase() is DrillPhase.UNDOING
    world.undo()
    world.works(LEAF)
    record = world.record
    assert (record.outcome, record.reason.code) == (DrillOutcome.PASSED, R.DRILL_CURED)
    assert record.detect_s is not None
    assert record.detect_s < 1.0
    assert record.recover_s is not None
    assert record.recover_s < 10.0
    assert [(a.name, a.action, a.is_right) for a in record.acts] == [
        (ROOT, Action.START, True)
    ]


def test_refused_connections_are_cured_by_a_restart() -> None:
    world = DrillWorld()
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    assert world.acts() == [(ROOT, Action.RESTART)]
    world.cure()
    world.undo()
    world.works(LEAF)
    assert world.record.outcome is DrillOutcome.PASSED


def test_stopped_container_is_left_alone_and_the_drill_passes() -> None:
    world = DrillWorld()
    world.begin(DrillFault.STOP)
    world.stop()
    world.wait(14.0)
    assert world.find_phase() is DrillPhase.WATCHING
    world.wait(2.0)
    assert world.find_phase() is DrillPhase.UNDOING
    world.start()
    world.undo()
    world.works(ROOT, LEAF, times=3)
    record = world.record
    assert record.reason.code is R.DRILL_LEFT_ALONE
    assert record.outcome is DrillOutcome.PASSED
    assert record.acts == ()


def test_recovery_of_what_is_left_alone_begins_with_the_end_of_the_fault() -> None:
    """Sidecar did nothing in between, so that time says nothing about it."""
    world = DrillWorld()
    world.begin(DrillFault.STOP)
    world.stop()
    world.wait(16.0)
    world.start()
    world.undo()
    undone_s = world.now_s
    world.works(ROOT, LEAF, times=3)
    recover_s = world.record.recover_s
    assert recover_s is not None
    assert 0.0 < recover_s <= world.now_s - undone_s


def test_paused_container_is_left_alone_and_the_drill_passes() -> None:
    world = DrillWorld()
    world.begin(DrillFault.PAUSE)
    world.notice(ROOT, EngineEventKind.PAUSE, status=Status.PAUSED)
    world.wait(16.0)
    world.notice(ROOT, EngineEventKind.UNPAUSE, status=Status.RUNNING)
    world.undo()
    world.works(ROOT, LEAF, times=3)
    assert world.record.outcome is DrillOutcome.PASSED
