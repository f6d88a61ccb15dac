"""What changed in one turn of the loop, for records, logs and metrics."""

from dataclasses import dataclass
from enum import StrEnum

from sidecar.core.decision import Action, Trigger
from sidecar.core.moment import Moment
from sidecar.core.outcome import Cause
from sidecar.core.target import InstanceId


class TargetState(StrEnum):
    """Public names of what a target can be."""

    UNKNOWN = "unknown"
    STARTING = "starting"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    FAILING = "failing"
    DOWN = "down"
    RECOVERING = "recovering"
    CRASH_LOOP = "crash_loop"
    DEAD_LETTER = "dead_letter"
    STOPPED = "stopped"
    MISSING = "missing"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A target went from one state to another."""

    at: Moment
    instance: InstanceId
    name: str
    old: TargetState
    new: TargetState
    cause: Cause | None
    reason: str
    incident: str | None


class RemedyOutcome(StrEnum):
    """How a remedy ended, health included."""

    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RemedyEnded:
    """A remedy came to its end; ``seconds`` counts from the decision.

    ``recovery_s``: from the first failure to healthy, None unless recovered.
    """

    at: Moment
    instance: InstanceId
    name: str
    action: Action
    trigger: Trigger
    cause: Cause | None
    outcome: RemedyOutcome
    reason: str
    seconds: float
    recovery_s: float | None
    incident: str | None


class IncidentStep(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    AFFECTED = "affected"
    RAISED = "raised"
    ESCALATED = "escalated"
    REMINDED = "reminded"
    ACKNOWLEDGED = "acknowledged"
    REOPENED = "reopened"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class IncidentChanged:
    """An incident was opened, spread to a dependent, or was resolved."""

    at: Moment
    incident: str
    step: IncidentStep
    target: str
    reason: str


Transition = StateChanged | RemedyEnded | IncidentChanged
