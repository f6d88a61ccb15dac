"""Real failures and acts of others during a drill are not taken for the drill's."""

from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.decision import Action
from sidecar.core.model.drill import DrillAct, DrillOutcome, DrillPhase
from sidecar.core.model.drill_event import DrillCancelled, DrillInjected
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.message import MessageKind
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.takeover import restore_state
from tests.support.drill_world import LEAF, ROOT, DrillWorld
from tests.support.notified_drill_world import QUICK, drill_world, kinds


def recover_with_failed_dependent(world: DrillWorld) -> None:
    """A drill whose target was cured; it waits for the dependent."""
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.cure()
    world.undo()
    assert world.find_phase() is DrillPhase.RECOVERING


def test_failure_after_the_recovery_is_told_at_the_objective() -> None:
    world = drill_world(QUICK)
    recover_with_failed_dependent(world)
    world.fails(ROOT, Cause.REFUSED)
    assert world.drill.recovered is None
    world.wait(10.0)
    assert kinds(world) == [(ROOT, MessageKind.OPENED)]
    world.wait(60.0)
    world.wait(30.0)
    assert world.record.outcome is DrillOutcome.FAILED
    assert world.record.reason.code is R.DRILL_NOT_RECOVERED


def test_dependent_that_stays_down_is_told_at_the_objective() -> None:
    world = drill_world(QUICK)
    recover_with_failed_dependent(world)
    assert kinds(world) == []
    world.wait(20.0)
    assert kinds(world) == [(ROOT, MessageKind.OPENED)]


def test_fault_is_not_made_once_something_has_failed() -> None:
    for failing, code in ((ROOT, R.DRILL_INCIDENT), (LEAF, R.DRILL_NOT_WORKING)):
        world = drill_world()
        world.ask(DrillFault.PAUSE)
        world.fails(failing, Cause.REFUSED)
        world.prepare()
        assert world.record.outcome is DrillOutcome.REFUSED
        assert world.record.reason.code is code


def test_run_that_was_not_killed_is_stopped_by_others_from_then_on() -> None:
    world = drill_world()
    world.ask(DrillFault.KILL)
    world.prepare()
    world.inject(text_reason("no answer"))
    assert world.instance(ROOT).drilled is not None
    world.undo()
    world.works(ROOT, LEAF)
    assert world.record.outcome is DrillOutcome.REFUSED
    assert world.instance(ROOT).drilled is None
    world.kill(ROOT)
    world.wait(5.0)
    assert world.acts() == []


def test_drill_ended_while_its_fault_was_made_is_left_out_of_reports() -> None:
    world = drill_world()
    world.ask(DrillFault.STOP)
    world.prepare()
    injecting = world.drill.phase_since
    world.stop(ROOT)
    world.send(DrillCancelled(world.now, world.drill.id))
    world.send(DrillInjected(world.now, world.drill.id))
    killed = restore_state(world.state, world.now, world.now)
    assert killed.drill is not None
    assert killed.drill.injected is not None
    world.undo()
    world.start()
    world.works(ROOT, LEAF, times=3)
    assert world.record.outcome is DrillOutcome.INTERRUPTED
    assert world.record.injected_wall == injecting.wall


def test_pause_after_the_undo_is_left_by_the_next_process() -> None:
    world = drill_world()
    world.begin(DrillFault.PAUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.wait(16.0)
    world.undo()
    restored = restore_state(world.state, world.now, world.now).drill
    assert restored is not None
    assert restored.phase is DrillPhase.RECOVERING
    assert restored.interrupted


def test_cure_by_somebody_else_proves_nothing_whatever_dependents_needed() -> None:
    world = drill_world()
    world.begin(DrillFault.REFUSE)
    world.state = replace(world.state, restarts=(world.now_s,) * 30)
    world.fails(ROOT, Cause.REFUSED)
    act = DrillAct(world.now.wall, LEAF, Action.RESTART, True, text_reason("follows"))
    world.state = replace(world.state, drill=replace(world.drill, acts=(act,)))
    world.start()
    world.works(ROOT, LEAF, times=3)
    world.undo()
    world.works(ROOT, LEAF)
    assert world.record.reason.code is R.DRILL_NOT_BY_SIDECAR


@pytest.mark.parametrize("fault", [DrillFault.STOP, DrillFault.PAUSE])
def test_fault_that_somebody_else_ends_proves_nothing(fault: DrillFault) -> None:
    world = drill_world()
    world.begin(fault)
    world.stop()
    world.wait(2.0)
    world.start()
    world.works(ROOT, LEAF, times=3)
    assert world.find_phase() is DrillPhase.UNDOING
    world.undo()
    world.works(ROOT, LEAF, times=3)
    assert world.record.outcome is DrillOutcome.INTERRUPTED
    assert world.record.reason.code is R.DRILL_NOT_BY_SIDECAR
