"""Messages of drills, for the page of messages."""

from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.message import Message
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.target import Target
from sidecar.core.reason.reason import text_reason
from tests.support.drill_world import ROOT, DrillWorld


def messages_of_late_drill(
    targets: tuple[Target, ...], notify: NotifySettings
) -> list[Message]:
    """A drill that exceeds its objective, whose fault cannot be undone at once."""
    root, *others = targets
    quick = replace(root, objective=DrillObjective(20.0, 30.0))
    world = DrillWorld(targets=(quick, *others), notify=notify)
    world.begin(DrillFault.REFUSE)
    world.fails(ROOT, Cause.REFUSED)
    world.wait(30.0)
    world.cure()
    world.undo(text_reason("no answer from the engine within 10 s"))
    world.wait(1.0)
    world.undo()
    world.wait(130.0)
    return world.messages
