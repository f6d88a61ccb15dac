"""Drills: a fault on purpose, and how well Sidecar handles it."""

from msgspec import Struct

from sidecar.api_types.words import (
    ActionName,
    DrillOutcomeName,
    DrillPhaseName,
    FaultName,
    Instant,
    ReasonCode,
    TriggerName,
)


class DrillBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An order for a drill.

    ``yes``: also if the target then serves nobody for a while. ``dry_run``: say what
    would happen, and whether anything objects; do nothing.
    """

    fault: FaultName
    yes: bool = False
    dry_run: bool = False


class DrillTimes(Struct, frozen=True):
    """The objective, or what was measured: seconds; null: it did not come to that."""

    detect: float | None
    recover: float | None


class DrillMeasures(DrillTimes, frozen=True):
    """Measured times. ``detect`` and ``decide`` begin with the fault; ``recover``
    begins with the fault if it is ``cured``, else with its end.
    """

    decide: float | None = None


class DrillAct(Struct, frozen=True):
    """An action of Sidecar during a drill, and whether it was right."""

    at: Instant
    target: str
    action: ActionName
    right: bool
    reason: str


class DrillMessages(Struct, frozen=True):
    """Messages about the fault: those held back, and those sent."""

    held: int
    sent: int


class DrillSummary(Struct, frozen=True):
    """One drill. ``phase`` null: it has ended; ``outcome`` null: it is under way.

    ``cured``: Sidecar has to cure the fault. Otherwise Sidecar has to detect it and to
    leave the target alone, and the drill ends it.
    """

    id: str
    target: str
    fault: FaultName
    cured: bool
    trigger: TriggerName
    phase: DrillPhaseName | None
    outcome: DrillOutcomeName | None
    reason: str
    reason_code: ReasonCode
    began: Instant
    injected: Instant | None
    undone: Instant | None
    ended: Instant | None
    objective: DrillTimes
    seconds: DrillMeasures
    acts: tuple[DrillAct, ...]
    messages: DrillMessages
    undo_problem: str = ""


class DrillExpectation(Struct, frozen=True):
    """Preview of a drill: what it really touches, what Sidecar should do, and how
    it ends.
    """

    target: str
    fault: FaultName
    objective: DrillTimes
    touches: str
    expects: str
    ends: str


class DrillObjection(Struct, frozen=True):
    """Why a drill is refused; ``yes_helps``: not with ``yes``."""

    error: str
    reason_code: ReasonCode
    yes_helps: bool


class DrillPreview(Struct, frozen=True):
    """The answer to a dry run."""

    expectation: DrillExpectation
    objection: DrillObjection | None


class DrillAnswer(Struct, frozen=True):
    """The drill has begun, or is cancelled."""

    drill: DrillSummary


class PlannedDrill(Struct, frozen=True):
    """The next planned drill of a target."""

    target: str
    fault: FaultName
    at: Instant
    cron: str
    timezone: str


class DrillList(Struct, frozen=True):
    """The drill under way, the last drills (newest first), and the next planned."""

    under_way: DrillSummary | None
    drills: tuple[DrillSummary, ...]
    planned: tuple[PlannedDrill, ...] = ()
