"""Journal entries, the steps that reports count, and monitored time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.reason.reason import Reason
from sidecar.core.reason.reason_text import decode_recorded_reason


class EntryKind(StrEnum):
    """Subject of a journal entry."""

    STATE = "state"
    DECISION = "decision"
    REMEDY = "remedy"
    BALANCE = "balance"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One journal entry. ``data`` is JSON-ready, in the shape of the feed.

    ``reason_data`` is the encoded reason, for a text in another language; empty: of an
    earlier version, or a reason without parameters.
    """

    at_wall: float
    kind: EntryKind
    target: str
    incident: str | None
    data: Mapping[str, object] = field(default_factory=dict)
    reason_data: str = ""

    @property
    def reason(self) -> Reason:
        """The reason; of an earlier version sometimes only as an English text."""
        return decode_recorded_reason(
            self.reason_data,
            str(self.data.get("reason_code") or ""),
            str(self.data.get("reason") or ""),
        )


class StateChange(NamedTuple):
    """Change of state, with the values of the journal."""

    old: str
    new: str
    cause: str | None


class RemedySummary(NamedTuple):
    """Action, trigger and outcome of a remedy, with the values of the journal."""

    action: str
    trigger: str
    outcome: str


JournalStep = StateChange | RemedySummary
"""A step that reports count."""


class TargetSteps(NamedTuple):
    """Steps of a target in order of time, with their wall clock times.

    Two columns: half a million pairs would be half a million objects.
    """

    at_walls: Sequence[float]
    steps: Sequence[JournalStep]


class MonitoredInterval(NamedTuple):
    """Interval (wall clock, seconds) in which Sidecar monitored."""

    from_wall: float
    until_wall: float
