"""A drill under way as the HTTP API shows it."""

from sidecar.core.model.container import Status
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.web.views.drills import reader_of, show_current
from tests.support.drill_world import ROOT, DrillWorld


def test_detection_before_the_answer_to_the_fault_takes_no_negative_time() -> None:
    """The engine's event may come before the answer to the call that caused it."""
    world = DrillWorld()
    world.ask(DrillFault.PAUSE)
    world.prepare()
    world.notice(ROOT, EngineEventKind.PAUSE, status=Status.PAUSED)
    world.now_s += 0.02
    world.inject()
    seconds = show_current(world.drill, reader_of(details=True)).seconds
    assert str(seconds.detect) == str(seconds.decide) == "0.0"
