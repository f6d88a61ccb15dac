"""Messages to people, as they are stored and sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sidecar.core.model.cause import Severity


class MessageKind(StrEnum):
    """Occasion of a message."""

    OPENED = "opened"
    RAISED = "raised"
    ESCALATED = "escalated"
    REMINDER = "reminder"
    ACTION_FAILED = "action_failed"
    DEAD_LETTER = "dead_letter"
    CRASH_LOOP = "crash_loop"
    """A container ends soon after every start; with its last log lines."""
    CHANGED = "changed"
    """Its cause has changed to one that needs another response."""
    REOPENED = "reopened"
    ACKNOWLEDGED = "acknowledged"
    """Somebody takes care of it: for alert systems that ring until they know that."""
    RESOLVED = "resolved"
    BALANCE = "balance"
    """A wallet's balance after a remedy differs from the balance before."""
    ENGINE_LOST = "engine_lost"
    """Nothing can be restarted until the engine is back."""
    ENGINE_BACK = "engine_back"
    OWN_NETWORK_LOST = "own_network_lost"
    """Targets are not reached, and Sidecar's own network is the likely cause."""
    OWN_NETWORK_BACK = "own_network_back"
    SETTINGS_REFUSED = "settings_refused"
    """The settings file has faults: the last good settings are in force."""
    SETTINGS_TAKEN = "settings_taken"
    PLAN_SKIPPED = "plan_skipped"
    """A planned restart was skipped."""
    ROLLING_STOPPED = "rolling_stopped"
    """Some replicas of a target were not restarted."""
    LIMIT_FORESEEN = "limit_foreseen"
    """A container's memory will reach its limit."""
    STORE_LOST = "store_lost"
    """Remedies before this start are not known: budgets begin nearly spent."""
    NOTICE = "notice"
    """Information without an incident, such as an operator's own stop."""
    TASK_PROBLEM = "task_problem"
    """A maintenance task failed, was missed, or found something."""
    TASK_DONE = "task_done"
    """A maintenance task is done: a report, or the end of its problem."""
    DRILL_PROBLEM = "drill_problem"
    """A planned drill was not passed, or its fault was not undone at once."""
    DRILL_STUCK = "drill_stuck"
    """The fault of a drill is still in force: its undo failed."""
    TEST = "test"
    """Test of a channel."""


@dataclass(frozen=True, slots=True)
class Message:
    """Message to one channel. Its ``id`` stays the same at every try.

    ``channel`` is a notification channel's name, or ``hook:N`` for the N-th hook.
    ``facts`` are the data of the text, which is written in the receiver's language
    when it is sent: target, cause, reason, opened_at_wall, severity, restarts,
    affected, last_action, seconds... all as text. Messages of one incident to one
    channel are sent in the order of ``sequence``.
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
