"""Entries of the journal, what a report counts of them, and monitored time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class EntryKind(StrEnum):
    """What a line of the journal is about."""

    STATE = "state"
    DECISION = "decision"
    REMEDY = "remedy"
    BALANCE = "balance"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of the journal. ``data`` is JSON-ready, its shape that of the feed."""

    at_wall: float
    kind: EntryKind
    target: str
    incident: str | None
    data: Mapping[str, object] = field(default_factory=dict)


class StateChange(NamedTuple):
    """From one state to another, in the words of the records."""

    old: str
    new: str
    cause: str | None


class RemedySummary(NamedTuple):
    """What was done, why, and how it ended; the words of the records."""

    action: str
    trigger: str
    outcome: str


JournalStep = StateChange | RemedySummary
"""All that a report counts."""


class TargetSteps(NamedTuple):
    """A target's, in order of time: when each was (wall clock), and what it was.

    Two columns: half a million pairs would be half a million objects.
    """

    at_walls: Sequence[float]
    steps: Sequence[JournalStep]


class MonitoredInterval(NamedTuple):
    """A stretch of time (wall clock, seconds) in which we were measuring."""

    from_wall: float
    until_wall: float
