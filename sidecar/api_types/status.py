"""The present: the status of the stack, its incidents, the planned restarts."""

from msgspec import Struct

from sidecar.api_types.forecast import MemoryStatus
from sidecar.api_types.words import (
    ActionName,
    CauseName,
    ContainerStatusName,
    GuardName,
    IncidentStateName,
    Instant,
    LaneStage,
    ModeName,
    ReasonCode,
    SeverityName,
    StateName,
    TriggerName,
    VerdictName,
    WarningName,
)


class EngineStatus(Struct, frozen=True):
    """The connection to the container engine."""

    reachable: bool
    reason: str
    since: Instant


class ContainerStatus(Struct, frozen=True, gc=False):
    """A replica's container; ``started_at`` is null before its first start."""

    id: str
    name: str
    status: ContainerStatusName
    started_at: Instant | None


class RestartCounts(Struct, frozen=True, gc=False):
    """Restarts of the budget's window, the budget, and all restarts on record."""

    in_window: int
    budget: int
    total: int


class LastProbe(Struct, frozen=True, gc=False):
    """The last probe that has ended."""

    at: Instant
    outcome: VerdictName
    cause: CauseName | None
    reason: str
    reason_code: ReasonCode
    seconds: float


class DecisionSummary(Struct, frozen=True, gc=False):
    """A decision of Sidecar and its reason."""

    at: Instant
    action: ActionName
    guard: GuardName
    trigger: TriggerName
    reason: str
    reason_code: ReasonCode


class TargetStatus(Struct, frozen=True, gc=False):
    """One replica of a target."""

    name: str
    target: str
    replica: int
    state: StateName
    cause: CauseName | None
    reason: str
    reason_code: ReasonCode
    since: Instant
    container: ContainerStatus | None
    consecutive_failures: int
    warnings: tuple[WarningName, ...]
    held_by: str | None
    paused: bool
    paused_until: Instant | None
    lane: LaneStage
    restarts: RestartCounts
    last_probe: LastProbe | None
    last_decision: DecisionSummary | None
    next_planned_restart: Instant | None
    incident: str | None
    maintenance_until: Instant | None = None
    memory: MemoryStatus | None = None


class IncidentSummary(Struct, frozen=True):
    """An incident, without its timeline; ``drill`` is the drill that caused it."""

    id: str
    target: str
    affected: tuple[str, ...]
    followers: tuple[str, ...]
    severity: SeverityName
    state: IncidentStateName
    cause: CauseName
    began_at: Instant
    opened_at: Instant
    acked_at: Instant | None
    acked_by: str | None
    resolved_at: Instant | None
    drill: str | None = None


class StackStatus(Struct, frozen=True):
    """The state of everything."""

    version: str
    mode: ModeName
    stack: str
    ready: bool
    at: Instant
    engine: EngineStatus
    targets: tuple[TargetStatus, ...]
    incidents: tuple[IncidentSummary, ...]


class TargetContainer(Struct, frozen=True):
    """A replica, as the list of targets shows it."""

    name: str
    state: StateName
    container: ContainerStatus | None


class TargetList(Struct, frozen=True):
    """The status, as far as the list of targets shows it."""

    targets: tuple[TargetContainer, ...]


class IncidentList(Struct, frozen=True):
    """The last incidents, newest first."""

    incidents: tuple[IncidentSummary, ...]


class PlannedRestart(Struct, frozen=True):
    """One planned restart; ``skipped`` because of a window (``in_maintenance``), or
    because an operator asked for that.

    ``before_limit``: it happens only if memory reaches its limit before the next one.
    """

    target: str
    at: Instant
    cron: str
    timezone: str
    skipped: bool
    in_maintenance: bool = False
    before_limit: bool = False


class PlannedRestarts(Struct, frozen=True):
    """The planned restarts to come, in order of time."""

    planned: tuple[PlannedRestart, ...]
