"""Messages about what a drill causes: held while it stays within its objective."""

from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import DrillOutcome
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.message import MessageKind
from sidecar.core.reason.reason import text_reason
from tests.support.drill_world import LEAF, ROOT, DrillWorld
from tests.support.notified_drill_world import OTHER, QUICK, drill_world, kinds


def test_nobody_is_told_of_a_drill_within_its_objective() -> None:
    world = drill_world()
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.wait(1.0)
    world.fails(LEAF, Cause.REFUSED, times=1)
    world.cure()
    world.undo()
    world.works(LEAF)
    world.wait(60.0)
    assert world.messages == []
    assert (world.record.held, world.record.sent) == (2, 0)


def test_people_are_told_once_a_drill_exceeds_its_objective() -> None:
    world = drill_world(QUICK)
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    incident_id = world.instance(ROOT).incident
    assert incident_id is not None
    assert world.state.incidents[incident_id].drill == world.drill.id
    world.wait(20.0)
    assert kinds(world) == []
    world.wait(10.0)
    assert kinds(world) == [(ROOT, MessageKind.OPENED)]
    assert world.messages[0].facts["drill"] == "yes"
    world.cure()
    assert kinds(world)[1:] == [(ROOT, MessageKind.RESOLVED)]
    world.undo()
    world.works(LEAF)
    assert (world.record.held, world.record.sent) == (2, 4)


def test_real_failure_of_another_target_is_told_during_a_drill() -> None:
    world = drill_world()
    world.begin(DrillFault.REFUSE)
    world.fails(OTHER.name, Cause.REFUSED)
    assert kinds(world) == [(OTHER.name, MessageKind.OPENED)]


def test_failed_undo_ends_the_silence() -> None:
    world = drill_world()
    world.begin(DrillFault.HANG)
    world.fails(ROOT, Cause.HUNG, times=3, took_s=31.0)
    assert kinds(world) == []
    world.cure()
    world.undo(text_reason("the engine is gone"))
    assert world.drill.undo_problem
    world.fails(LEAF, Cause.REFUSED, times=35)
    assert (LEAF, MessageKind.OPENED) in kinds(world)


def test_fault_that_is_not_detected_in_time_ends_the_silence() -> None:
    world = drill_world(QUICK)
    world.begin(DrillFault.HANG)
    world.fails(LEAF, Cause.HTTP_5XX)
    world.works(ROOT)
    world.wait(5.0)
    assert world.drill.detected is None
    assert len(world.state.incidents) == 1
    assert kinds(world) == []
    world.wait(10.0)
    assert kinds(world) == [(LEAF, MessageKind.OPENED)]


def test_wrong_action_ends_the_silence() -> None:
    world = drill_world()
    world.begin(DrillFault.NETCUT)
    world.fails(ROOT, Cause.DETACHED)
    world.wait(1.0)
    assert kinds(world) == []
    world.fails(OTHER.name, Cause.REFUSED)
    assert [act.name for act in world.drill.acts if not act.is_right] == [OTHER.name]
    world.wait(1.0)
    assert (ROOT, MessageKind.OPENED) in kinds(world)


def test_stop_of_a_drill_is_not_told_as_an_operators_stop() -> None:
    world = drill_world()
    world.begin(DrillFault.STOP)
    world.stop()
    world.wait(16.0)
    world.start()
    world.undo()
    world.works(ROOT, LEAF, times=3)
    world.wait(60.0)
    assert world.messages == []
    assert world.record.held > 0


def test_restarts_of_drills_are_forgotten_by_the_limits() -> None:
    world = drill_world()
    for _ in range(8):
        world.begin(DrillFault.KILL)
        world.kill()
        world.wait(1.0)
        world.cure()
        world.undo()
        world.works(LEAF)
        world.wait(5.0)
        assert world.record.outcome == "passed", world.record
    assert world.state.restarts == ()
    assert world.instance(ROOT).counted_mono == ()
    assert world.state.ledger == {}
    assert not world.instance(ROOT).looping


def late_world(trigger: Trigger) -> DrillWorld:
    """A drill whose fault is never detected."""
    world = drill_world(QUICK)
    world.ask(DrillFault.HANG, trigger=trigger)
    world.prepare()
    world.inject()
    world.wait(81.0)
    return world


def told(world: DrillWorld) -> list[tuple[MessageKind, Severity]]:
    return [(message.kind, message.severity) for message in world.messages]


def test_planned_drill_that_did_not_pass_is_told() -> None:
    world = late_world(Trigger.PLANNED)
    world.undo()
    world.works(ROOT)
    assert world.record.outcome is DrillOutcome.MISSED
    assert told(world) == [(MessageKind.DRILL_PROBLEM, Severity.P2)]
    assert world.messages[0].facts["verdict"] == "missed"


def test_planned_drill_that_was_refused_is_told_for_information() -> None:
    world = drill_world()
    world.ask(DrillFault.KILL, trigger=Trigger.PLANNED, forced=False)
    assert told(world) == [(MessageKind.DRILL_PROBLEM, Severity.P3)]


def test_verdict_of_an_operators_drill_is_told_by_the_command_alone() -> None:
    world = late_world(Trigger.OPERATOR)
    world.undo()
    world.works(ROOT)
    assert world.record.outcome is DrillOutcome.MISSED
    assert world.messages == []


def test_undo_that_fails_is_told_once_and_so_is_the_end_of_such_a_drill() -> None:
    world = late_world(Trigger.OPERATOR)
    for _ in range(3):
        world.undo(text_reason("the engine is gone"))
        world.wait(5.0)
    assert told(world) == [(MessageKind.DRILL_STUCK, Severity.P1)]
    world.undo()
    world.works(ROOT)
    assert told(world)[1:] == [(MessageKind.DRILL_PROBLEM, Severity.P2)]


def test_target_that_stays_down_after_the_undo_is_told() -> None:
    world = drill_world(QUICK)
    world.begin(DrillFault.NETCUT)
    world.fails(ROOT, Cause.DETACHED)
    world.wait(16.0)
    world.undo()
    assert world.messages == []
    world.wait(29.0)
    assert world.messages == []
    world.wait(2.0)
    assert kinds(world) == [(ROOT, MessageKind.OPENED)]
