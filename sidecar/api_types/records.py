"""Records of the history and of the event stream.

A field without a value in an old record is left out.
"""

from typing import Any, get_args

from msgspec import UNSET, Struct, UnsetType, field

from sidecar.api_types.words import (
    ActionName,
    CauseName,
    ComparisonName,
    DrillOutcomeName,
    DrillStepName,
    FaultName,
    GuardName,
    IncidentStepName,
    Instant,
    OutcomeName,
    ReasonCode,
    StateName,
    TriggerName,
)

Amounts = dict[str, str]
"""A wallet's balance: amounts in whole coins, as texts, by part."""


class Record(Struct, frozen=True):
    """Fields of every record.

    ``drill``: id of the drill in which it happened; the event stream has none.
    """

    at: Instant
    target: str
    incident: str | None
    drill: str | UnsetType = UNSET


class TransitionRecord(Record, frozen=True, tag_field="type", tag="transition"):
    """A target went from one state to another."""

    from_: StateName | UnsetType = field(name="from", default=UNSET)
    to: StateName | UnsetType = UNSET
    cause: CauseName | UnsetType | None = UNSET
    reason: str | UnsetType = UNSET
    reason_code: ReasonCode | UnsetType = UNSET


class DecisionRecord(Record, frozen=True, tag_field="type", tag="decision"):
    """A decision about a target."""

    action: ActionName | UnsetType = UNSET
    guard: GuardName | UnsetType = UNSET
    trigger: TriggerName | UnsetType = UNSET
    cause: CauseName | UnsetType | None = UNSET
    reason: str | UnsetType = UNSET
    reason_code: ReasonCode | UnsetType = UNSET


class OutcomeRecord(Record, frozen=True, tag_field="type", tag="outcome"):
    """A remedy ended; ``seconds`` counts from the decision, ``recovery_seconds`` from
    the first failure.
    """

    action: ActionName | UnsetType = UNSET
    trigger: TriggerName | UnsetType = UNSET
    cause: CauseName | UnsetType | None = UNSET
    outcome: OutcomeName | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    reason_code: ReasonCode | UnsetType = UNSET
    seconds: float | UnsetType = UNSET
    recovery_seconds: float | UnsetType | None = UNSET


class BalanceRecord(Record, frozen=True, tag_field="type", tag="balance"):
    """A wallet's balance was compared; the amounts need authorisation."""

    comparison: ComparisonName | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    reason_code: ReasonCode | UnsetType = UNSET
    before: Amounts | UnsetType | None = UNSET
    after: Amounts | UnsetType | None = UNSET


class IncidentRecord(Record, frozen=True, tag_field="type", tag="incident"):
    """An incident changed."""

    step: IncidentStepName | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    reason_code: ReasonCode | UnsetType = UNSET


class DrillStepRecord(Record, frozen=True, tag_field="type", tag="drill"):
    """A drill began, or ended with a verdict; a refused one only ended."""

    step: DrillStepName | UnsetType = UNSET
    fault: FaultName | UnsetType = UNSET
    trigger: TriggerName | UnsetType = UNSET
    outcome: DrillOutcomeName | UnsetType | None = UNSET
    reason: str | UnsetType = UNSET
    reason_code: ReasonCode | UnsetType = UNSET


HistoryRecord = (
    TransitionRecord
    | DecisionRecord
    | OutcomeRecord
    | BalanceRecord
    | IncidentRecord
    | DrillStepRecord
)


class History(Struct, frozen=True):
    """Records, oldest first; not ``complete``: older ones are left out."""

    complete: bool
    entries: tuple[HistoryRecord, ...]


RECORD_TYPES: dict[object, type[Record]] = {
    kind.__struct_config__.tag: kind for kind in get_args(HistoryRecord)
}
"""The kind of each ``type``."""


class Evidence(Struct, frozen=True):
    """Evidence about a replica, gathered before a remedy or for a person.

    A part that had no room in the store is left out. ``at`` has the seconds of
    the monotonic and of the wall clock, ``instance`` target and number, a process its
    pid, parent, state and command.
    """

    at: tuple[float, ...] | UnsetType = UNSET
    instance: tuple[str | int, ...] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    incident: str | UnsetType | None = UNSET
    decision: str | UnsetType = UNSET
    state: dict[str, Any] | UnsetType | None = UNSET
    log: str | UnsetType | None = UNSET
    processes: tuple[tuple[int | str, ...], ...] | UnsetType = UNSET
    stats: dict[str, float] | UnsetType = UNSET
    probes: tuple[str, ...] | UnsetType = UNSET
    missing: tuple[str, ...] | UnsetType = UNSET
