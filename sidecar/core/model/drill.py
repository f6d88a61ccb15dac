"""Drills: a fault on purpose, and how well Sidecar handles it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.drill_undo import DrillUndo
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.reason import NO_REASON, Reason


class DrillPhase(StrEnum):
    """Phase of a drill.

    PREPARING: what the undo needs is found out; nothing was touched yet. INJECTING: the
    undo is stored, the fault is being made. WATCHING: Sidecar does what it does.
    UNDOING: the fault is ended, until that is done. RECOVERING: the target has to work
    again.
    """

    PREPARING = "preparing"
    INJECTING = "injecting"
    WATCHING = "watching"
    UNDOING = "undoing"
    RECOVERING = "recovering"


class DrillOutcome(StrEnum):
    """Verdict on a drill.

    MISSED: Sidecar did the right thing, and the objective was exceeded. FAILED: Sidecar
    did something wrong, the target does not work again, or the fault could not be
    undone. INTERRUPTED: the drill was ended early. REFUSED: it was not carried out.
    """

    PASSED = "passed"
    MISSED = "missed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"


class DrillFacts(NamedTuple):
    """Facts for the objection to a drill that the state does not have.

    Each is a reason against it; NO_REASON: there is none. ``loss``: a loss of the
    container would lose money, as its wallet is not kept outside of it (no consent
    permits that). ``engine``: the engine does not permit the fault. ``busy``: the
    target, or one that needs it, is busy or may be. ``store``: the undo could not be
    stored.
    """

    loss: Reason = NO_REASON
    engine: Reason = NO_REASON
    busy: Reason = NO_REASON
    store: Reason = NO_REASON


class DrillAct(NamedTuple):
    """An action of Sidecar in a drill; ``name`` is the public name of the target."""

    at_wall: float
    name: str
    action: Action
    is_right: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Drill:
    """The current drill.

    ``phase_since``: begin of its phase. ``detected``, ``decided``, ``recovered``: when
    Sidecar knew the fault for certain, decided about it, and the target worked again.
    ``problem``: why it does not go on as planned; ``interrupted``: because it was ended
    early. ``undo_problem``: why the last try of the undo failed. ``held`` and ``sent``:
    number of messages about it. ``others``: public names of the dependents whose state
    has changed in it.
    """

    id: str
    instance: InstanceId
    name: str
    fault: DrillFault
    trigger: Trigger
    objective: DrillObjective
    began: Moment
    phase: DrillPhase
    phase_since: Moment
    undo: DrillUndo | None = None
    injected: Moment | None = None
    undone: Moment | None = None
    detected: Moment | None = None
    decided: Moment | None = None
    recovered: Moment | None = None
    acts: tuple[DrillAct, ...] = ()
    others: tuple[str, ...] = ()
    held: int = 0
    sent: int = 0
    problem: Reason = NO_REASON
    interrupted: bool = False
    undo_problem: Reason = NO_REASON
    is_undo_told: bool = False
    """People know that the undo failed."""

    @property
    def is_in_force(self) -> bool:
        """May the fault have been made?"""
        return self.phase is not DrillPhase.PREPARING


def enter_phase(drill: Drill, phase: DrillPhase, at: Moment) -> Drill:
    """The drill at the begin of a phase.

    Of a fault whose result never came it is presumed that it was made at once.
    """
    injected = drill.injected
    if drill.phase is DrillPhase.INJECTING and injected is None:
        injected = drill.phase_since
    return replace(drill, phase=phase, phase_since=at, injected=injected)


@dataclass(frozen=True, slots=True)
class DrillRecord:
    """A drill that has ended, as it is kept.

    ``target`` is the public name. Durations are in seconds; None: it did not come to
    that. ``detect_s`` and ``decide_s`` begin with the fault, ``recover_s`` as in
    ``DrillObjective``. ``began_wall`` and ``ended_wall`` are those of the drill,
    ``injected_wall`` is the begin of the fault; None: it was never made.
    """

    id: str
    target: str
    fault: DrillFault
    trigger: Trigger
    outcome: DrillOutcome
    reason: Reason
    objective: DrillObjective
    began_wall: float
    ended_wall: float
    injected_wall: float | None = None
    undone_wall: float | None = None
    detect_s: float | None = None
    decide_s: float | None = None
    recover_s: float | None = None
    acts: tuple[DrillAct, ...] = ()
    others: tuple[str, ...] = ()
    held: int = 0
    sent: int = 0
    undo_problem: Reason = NO_REASON
    """Why a try of the undo failed; it has been done since."""

    @property
    def wrong_acts(self) -> tuple[DrillAct, ...]:
        """Actions that were wrong."""
        return tuple(act for act in self.acts if not act.is_right)
