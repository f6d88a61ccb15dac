"""Everything the loop can receive. All that happens, happens as one of these."""

from dataclasses import dataclass
from enum import StrEnum

from sidecar.core.model.container import Container, RunId
from sidecar.core.model.decision import Decision
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.target import InstanceId, Mode, Target
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
    """The truth: every container of the stack that belongs to a target.

    ``targets`` is the list in force (labels can add to it and take from it).
    ``never_started`` names containers that were to replace one that still runs.
    """

    at: Moment
    targets: tuple[Target, ...]
    containers: tuple[tuple[InstanceId, Container], ...]
    never_started: tuple[tuple[InstanceId, str], ...] = ()


class EngineEventKind(StrEnum):
    """The engine events that matter."""

    KILL = "kill"
    DIE = "die"
    STOP = "stop"
    START = "start"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    DESTROY = "destroy"
    OOM = "oom"
    HEALTH = "health_status"
    RESTART = "restart"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ContainerEventSeen:
    """The engine reported something about one container: a hint.

    ``engine_time`` is the engine's clock in seconds. ``container`` is how it
    looked when inspected right after, None when it was gone by then. ``signal``
    comes with KILL (0: not said), ``exit_code`` with DIE.
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

    ``deaf``: why its events are not heard and will not be; empty: they are, or
    soon will be again.
    ``other``: the name of one that is not Docker's, and so is not acted on.
    """

    at: Moment
    reachable: bool
    reason: str = ""
    deaf: str = ""
    other: str = ""


class RemedyCallResult(StrEnum):
    """How the acting part of a remedy ended; health is judged afterwards.

    NOT_SENT: nothing was done (the engine could not be asked, the container had
    changed, or the daemon answered after all), so nothing is counted. REFUSED: the
    same, and the engine does not let us do it at all.
    """

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RemedyExecuted:
    """The executor carried out a decision, as far as the engine is concerned.

    ``answered``: it did not, for the daemon answered right before.
    ``engine_stops``: so many stops of the engine were part of it.
    """

    at: Moment
    instance: InstanceId
    result: RemedyCallResult
    reason: Reason
    container: Container | None = None
    answered: bool = False
    engine_stops: int = 0


@dataclass(frozen=True, slots=True)
class RemedyProgressed:
    """What the executor is waiting for now, as part of a sentence."""

    at: Moment
    instance: InstanceId
    doing: Reason


@dataclass(frozen=True, slots=True)
class ProcessesInspected:
    """A look into a container, asked for at ``asked_mono``.

    ``stopped``: names of its processes in state T. ``is_idle``, ``serves`` and
    ``waits_s``: as in ``core.processes.Seen``. ``silent_since_mono``: it was looked
    because a probe that was sent then had no answer yet.
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
    """What belongs to a page was gathered; ``log`` is the end of its container's log.

    Masked, and short enough for a message. Empty: it wrote nothing; None: it could
    not be read.
    """

    at: Moment
    instance: InstanceId
    log: str | None


@dataclass(frozen=True, slots=True)
class PlannedRestartDue:
    """A scheduled preventive restart is due now."""

    at: Moment
    target: str


@dataclass(frozen=True, slots=True)
class PlannedRestartCancelled:
    """An operator called off what is left of a planned restart."""

    at: Moment
    target: str


@dataclass(frozen=True, slots=True)
class RestartRequested:
    """An operator wants a restart; ``now`` waives backoff, budget and settling."""

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
    """A person mended it: forget spent budgets and lanes."""

    at: Moment
    target: str


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """A person gives up the remedy that is under way; nothing is undone."""

    at: Moment
    target: str


@dataclass(frozen=True, slots=True)
class AckRequested:
    """A person takes care of an incident; ``by`` says how we heard of it."""

    at: Moment
    incident: str
    by: str


@dataclass(frozen=True, slots=True)
class SettingsApplied:
    """A changed file is in force; its targets come with the next listing."""

    at: Moment
    mode: Mode
    notify: NotifySettings


@dataclass(frozen=True, slots=True)
class SettingsRefused:
    """A changed file has faults, a line each: what is in force stays."""

    at: Moment
    faults: str


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """A decision of the policy, on its way back into the state."""

    at: Moment
    decision: Decision


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; deadlines and quiet periods are looked at."""

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
    | PlannedRestartDue
    | PlannedRestartCancelled
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
