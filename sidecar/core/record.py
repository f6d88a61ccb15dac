"""What is kept: journal entries, messages, and the time that was watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.outcome import Severity


class EntryKind(StrEnum):
    """What a line of the journal is about."""

    STATE = "state"
    DECISION = "decision"
    REMEDY = "remedy"
    BALANCE = "balance"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. ``data`` is JSON-ready, its shape that of the feed."""

    at_wall: float
    kind: EntryKind
    target: str
    incident: str | None
    data: Mapping[str, object] = field(default_factory=dict)


class Change(NamedTuple):
    """From one state to another, in the words of the records."""

    old: str
    new: str
    cause: str | None


class RemedyKind(NamedTuple):
    """What was done, why, and how it ended; the words of the records."""

    action: str
    trigger: str
    outcome: str


Step = Change | RemedyKind
"""All that a report counts."""


class Steps(NamedTuple):
    """A target's, in order of time: when each was (wall clock), and what it was.

    Two columns: half a million pairs would be half a million objects.
    """

    at_walls: Sequence[float]
    steps: Sequence[Step]


class Watched(NamedTuple):
    """A stretch of time (wall clock, seconds) in which we were measuring."""

    from_wall: float
    until_wall: float


class MessageKind(StrEnum):
    """Why somebody is told."""

    OPENED = "opened"
    RAISED = "raised"
    ESCALATED = "escalated"
    REMINDER = "reminder"
    ACTION_FAILED = "action_failed"
    DEAD_LETTER = "dead_letter"
    CRASH_LOOP = "crash_loop"
    """A container ends soon after every start; with its last log lines."""
    CHANGED = "changed"
    """Its cause is another now, which calls for something else."""
    REOPENED = "reopened"
    RESOLVED = "resolved"
    BALANCE = "balance"
    """A wallet does not hold after a remedy what it held before."""
    ENGINE_LOST = "engine_lost"
    """Nothing can be restarted until the engine is back."""
    ENGINE_BACK = "engine_back"
    OWN_NETWORK_LOST = "own_network_lost"
    """Targets are not reached, and that is likely our own fault."""
    OWN_NETWORK_BACK = "own_network_back"
    SETTINGS_REFUSED = "settings_refused"
    """The file has faults: the last good settings are in force."""
    SETTINGS_TAKEN = "settings_taken"
    PLAN_SKIPPED = "plan_skipped"
    """A planned restart was left out."""
    STORE_LOST = "store_lost"
    """What was done before a start is not known: budgets begin nearly spent."""
    NOTICE = "notice"
    """About something that is no incident, such as an operator's own stop."""
    TEST = "test"
    """Somebody wants to see whether a channel works."""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell one channel. Its ``id`` stays the same at every try.

    ``channel`` is a notification channel's name, or ``hook:N`` for the N-th hook.
    ``facts`` are what the text is made of, in the receiver's language, when it is
    sent: target, cause, reason, opened_at_wall, severity, restarts, affected,
    last_action, seconds... all as text. Messages of one incident to one channel
    go out in the order of ``sequence``.
    """

    id: str
    incident: str
    sequence: int
    channel: str
    kind: MessageKind
    severity: Severity
    created_wall: float
    facts: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0
    not_before_wall: float = 0.0
