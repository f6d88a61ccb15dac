"""Events about drills, a part of ``event.Event``."""

from dataclasses import dataclass

from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import DrillFacts
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import DrillUndo
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.reason import NO_REASON, Reason


@dataclass(frozen=True, slots=True)
class DrillRequested:
    """An operator or the schedule (PLANNED) requests a drill.

    ``drill_id`` is new (``incident.new_id``): the record of the drill, or of its
    refusal, has it. ``forced``: with ``--yes``, which the schedule implies.
    """

    at: Moment
    drill_id: str
    instance: InstanceId
    fault: DrillFault
    trigger: Trigger = Trigger.OPERATOR
    forced: bool = False
    facts: DrillFacts = DrillFacts()


@dataclass(frozen=True, slots=True)
class DrillPrepared:
    """The runner knows what the undo needs. ``undo`` None: the fault is impossible."""

    at: Moment
    drill_id: str
    undo: DrillUndo | None
    problem: Reason = NO_REASON


@dataclass(frozen=True, slots=True)
class DrillInjected:
    """The runner made the fault; with a ``problem`` not, or only a part of it."""

    at: Moment
    drill_id: str
    problem: Reason = NO_REASON


@dataclass(frozen=True, slots=True)
class DrillUndone:
    """The runner undid the fault; with a ``problem`` it failed, and tries again.

    Before that was due, the drill is interrupted: Sidecar is about to end.
    """

    at: Moment
    drill_id: str
    problem: Reason = NO_REASON


@dataclass(frozen=True, slots=True)
class DrillCancelled:
    """An operator ends the drill: the fault is undone at once."""

    at: Moment
    drill_id: str


DrillEvent = (
    DrillRequested | DrillPrepared | DrillInjected | DrillUndone | DrillCancelled
)
