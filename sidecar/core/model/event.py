"""Events: all inputs of the loop."""

from dataclasses import dataclass
from enum import StrEnum

from sidecar.core.model.busy_wait import BusyAnswer
from sidecar.core.model.container import Container, RunId
from sidecar.core.model.decision import Decision
from sidecar.core.model.drill_event import DrillEvent
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.model.host_event import DiskExamined, HostMeasured
from sidecar.core.model.lease_event import LeaseObserved
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.target import InstanceId, Mode, Target
from sidecar.core.model.task_event import TaskEvent
from sidecar.core.model.wallet_file import WalletFilesChecked
from sidecar.core.reason.reason import Reason


@dataclass(frozen=True, slots=True)
class ProbeCompleted:
    """A probe of ``run`` ended; ``began_mono`` is when its request was sent."""

    at: Moment
    instance: InstanceId
    run: RunId
    began_mono: float
    outcome: ProbeResult


@dataclass(frozen=True, slots=True)
class ContainersListed:
    """Complete listing: every container of the stack that belongs to a target.

    ``targets``: the list in force, with labels. ``never_started``: created containers
    whose predecessor runs. ``set_aside``: old containers of recreates that go on.
    """

    at: Moment
    targets: tuple[Target, ...]
    containers: tuple[tuple[InstanceId, Container], ...]
    never_started: tuple[tuple[InstanceId, str], ...] = ()
    set_aside: tuple[tuple[InstanceId, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerEventSeen:
    """The engine reported an event of one container; the listing is authoritative.

    ``engine_time`` is the engine's clock in seconds. ``container`` is the result of
    the inspection right after the event; None: the container was gone. ``signal``
    comes with KILL (0: not reported), ``exit_code`` with DIE.
    """

    at: Moment
    instance: InstanceId
    kind: EngineEventKind
    container_id: str
    engine_time: float
    container: Container | None
    signal: int = 0
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class EngineReachabilityChanged:
    """The engine became reachable or unreachable, with the reason.

    ``deaf``: why its events are not received for good; empty: they are received, or
    soon will be again. ``other``: an unsupported engine, which is only observed.
    """

    at: Moment
    reachable: bool
    reason: str = ""
    deaf: str = ""
    other: str = ""


class RemedyCallResult(StrEnum):
    """Result of the acting part of a remedy; health is judged afterwards.

    NOT_SENT: nothing was done (no engine, another run, or a late answer), so nothing
    is counted. REFUSED: the same, and the engine does not permit the action at all.
    """

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RemedyExecuted:
    """The executor carried out a decision, as far as the engine is concerned.

    ``answered``: nothing was sent, because the daemon answered right before.
    ``engine_stops``: engine stops within it. ``settled``: it ended a former recreate.
    ``replaced``: nothing was sent, because the restart of another replica has replaced
    its container as well.
    """

    at: Moment
    instance: InstanceId
    result: RemedyCallResult
    reason: Reason
    container: Container | None = None
    answered: bool = False
    engine_stops: int = 0
    settled: bool = False
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class RemedyProgressed:
    """The executor reports its current step; ``doing`` is part of a sentence."""

    at: Moment
    instance: InstanceId
    doing: Reason


@dataclass(frozen=True, slots=True)
class ProcessesInspected:
    """The processes of a container were inspected, as asked at ``asked_mono``.

    ``stopped``: names of its processes in state T. ``is_idle``, ``serves`` and
    ``waits_s``: as in ``ProcessFindings``. ``silent_since_mono``: the inspection was
    made because a probe that was sent then had no answer yet.
    """

    at: Moment
    instance: InstanceId
    run: RunId
    stopped: tuple[str, ...]
    is_idle: bool = False
    serves: bool = False
    waits_s: float | None = None
    asked_mono: float | None = None
    silent_since_mono: float | None = None


@dataclass(frozen=True, slots=True)
class EvidenceGathered:
    """Evidence for a page was gathered; ``log`` is the end of the container's log.

    Masked, and short enough for a message. Empty: the log is empty; None: it could
    not be read.
    """

    at: Moment
    instance: InstanceId
    log: str | None


@dataclass(frozen=True, slots=True)
class BusyAnswered:
    """An instance was asked whether it is busy, because a restart waits for that."""

    at: Moment
    instance: InstanceId
    run: RunId
    answer: BusyAnswer


@dataclass(frozen=True, slots=True)
class PlannedRestartDue:
    """A scheduled preventive restart is due now; ``next_wall``: the one after it."""

    at: Moment
    target: str
    next_wall: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedRestartCancelled:
    """An operator cancelled the remaining steps of a planned restart."""

    at: Moment
    target: str


@dataclass(frozen=True, slots=True)
class RestartRequested:
    """An operator requests a restart; ``now`` waives backoff, budget and settling."""

    at: Moment
    target: str
    now: bool = False


@dataclass(frozen=True, slots=True)
class PauseRequested:
    """Stop acting on these targets, until ``until_wall`` (None: until resumed)."""

    at: Moment
    targets: tuple[str, ...]
    until_wall: float | None = None


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """Act again on these targets."""

    at: Moment
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoverRequested:
    """A person repaired the target: reset its budgets and lanes."""

    at: Moment
    target: str


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """A person ends the current remedy; nothing is undone."""

    at: Moment
    target: str


@dataclass(frozen=True, slots=True)
class AckRequested:
    """A person acknowledges an incident; ``by`` is the way of acknowledgement."""

    at: Moment
    incident: str
    by: str


@dataclass(frozen=True, slots=True)
class SettingsApplied:
    """A changed settings file is in force; its targets come with the next listing."""

    at: Moment
    mode: Mode
    notify: NotifySettings


@dataclass(frozen=True, slots=True)
class SettingsRefused:
    """A changed settings file has faults, a line each; the old settings stay."""

    at: Moment
    faults: str


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """The policy made a decision, which the state records."""

    at: Moment
    decision: Decision


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; deadlines and quiet periods are checked."""

    at: Moment


Event = (
    ProbeCompleted
    | ContainersListed
    | ContainerEventSeen
    | EngineReachabilityChanged
    | RemedyExecuted
    | RemedyProgressed
    | ProcessesInspected
    | EvidenceGathered
    | BusyAnswered
    | WalletFilesChecked
    | DiskExamined
    | HostMeasured
    | LeaseObserved
    | PlannedRestartDue
    | PlannedRestartCancelled
    | TaskEvent
    | DrillEvent
    | RestartRequested
    | PauseRequested
    | ResumeRequested
    | RecoverRequested
    | AckRequested
    | ReleaseRequested
    | SettingsApplied
    | SettingsRefused
    | DecisionMade
    | Tick
)
