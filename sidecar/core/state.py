"""Everything the watchdog knows at one instant. Frozen: a turn makes a new one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.budget import Lane, Record
from sidecar.core.container import Container, RunId
from sidecar.core.decision import Action, Decision
from sidecar.core.health import Health
from sidecar.core.incident import Incident
from sidecar.core.kill import Kill
from sidecar.core.moment import Moment
from sidecar.core.notify import NotifySettings
from sidecar.core.outcome import Balance, Cause, Cure
from sidecar.core.overlap import Overlap
from sidecar.core.target import InstanceId, Mode, Target
from sidecar.core.topology import Topology
from sidecar.core.transition import TargetState


class Phase(StrEnum):
    """ACTING: the executor is at it. VERIFYING: the probes judge. TAKEN_OVER: a
    sidecar that has died was at it, and how far it came is not known yet.
    """

    ACTING = "acting"
    VERIFYING = "verifying"
    TAKEN_OVER = "taken over"


class AddressCount(NamedTuple):
    """How many addresses a daemon's current wallet had when last counted.

    ``paths``: the wallets that were loaded; another list, another current wallet.
    """

    paths: tuple[str, ...]
    total: int
    run: RunId


class RunSpan(NamedTuple):
    """A run that has ended, by the engine's clock."""

    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Remedy:
    """A remedy under way; it ends by observed health or at its deadline."""

    decision: Decision
    phase: Phase
    began: Moment
    deadline_mono: float
    first_failure_mono: float | None
    note: str = ""
    uncertain: bool = False
    """The engine did not say whether it did as asked."""
    balance: Balance | None = None
    """What the wallet held before it; None: not known, or there is no wallet."""
    addresses: AddressCount | None = None
    """How many addresses the wallet had before it."""
    extended_s: float = 0.0
    """So much later its verification ends, for it gave way to other remedies."""


@dataclass(frozen=True, slots=True)
class LastWords:
    """What a container in a crash loop wrote last, for the message about the loop.

    ``log`` None: it is being gathered; from ``until_mono`` on nothing is waited for.
    ``told``: once is enough for one loop.
    """

    until_mono: float
    log: str | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The engine did not let us carry out an action on this instance, and why."""

    action: Action
    at_mono: float
    reason: str


class StopSeen(StrEnum):
    """Did a person stop it? ASSUMED: it was found stopped and nothing is known."""

    NONE = "none"
    ASSUMED = "assumed"
    SEEN = "seen"


@dataclass(frozen=True, slots=True)
class Settling:
    """A root recovered: its dependent gets until ``until_mono`` to follow."""

    root: str
    until_mono: float


@dataclass(frozen=True, slots=True)
class Redeploy:
    """A container that is to replace one, made and not started yet."""

    name: str
    since: Moment


@dataclass(frozen=True, slots=True)
class Instance:
    """One replica of a target.

    ``name`` is the public one: the target's, with the replica's number only
    where there are several. ``run_mono`` is when the present run began.
    ``kills`` are the last signals that someone else sent to it. ``exits`` are the
    moments of its last exits by itself; ``short_runs`` counts runs in a row that
    died within 60 s; ``looping``: hands off for that.
    """

    id: InstanceId
    name: str
    container: Container | None = None
    run_mono: float = 0.0
    missing_since: Moment | None = None
    kills: tuple[Kill, ...] = ()
    overlap: Overlap = Overlap()
    """What others had the engine do during our last restart."""
    redeploy: Redeploy | None = None
    """Of it, as long as that does not come to its end."""
    seen_mono: float | None = None
    """When a container of it was last looked at."""
    stop: StopSeen = StopSeen.NONE
    exited_mono: float | None = None
    exits: tuple[float, ...] = ()
    short_runs: int = 0
    looping: bool = False
    runs: tuple[RunSpan, ...] = ()
    """Its last runs that have ended, oldest first."""
    last_words: LastWords | None = None
    health: Health = Health()
    state: TargetState = TargetState.UNKNOWN
    since: Moment = Moment(0.0, 0.0)
    cause: Cause | None = None
    reason: str = ""
    lane: Lane = Lane()
    load_lane: Lane = Lane()
    remedy: Remedy | None = None
    loading: Decision | None = None
    """A ``load_wallet`` call under way, possibly within a restart's verification."""
    called_mono: float = 0.0
    """When the last ``load_wallet`` call ended."""
    load_failure: str = ""
    """Why this run's wallet could not be loaded when that was last tried."""
    settling: Settling | None = None
    must_restart: bool = False
    """A dependent with ``after_root: always`` whose root has just recovered."""
    was_away: bool = False
    """Since it last worked it was away for those who need it, or started anew."""
    asked: bool = False
    asked_now: bool = False
    looked: RunId | None = None
    """The run whose processes were last asked for."""
    looked_mono: float | None = None
    """When they were last asked for after a refused connection."""
    served: RunId | None = None
    """The run in which a process was seen that served: should it go, that is proof."""
    incident: str | None = None
    last_decision: Decision | None = None
    treated: RunId | None = None
    """The run that our last start or restart was meant to end."""
    restarted: Moment | None = None
    restarts_total: int = 0
    counted_mono: tuple[float, ...] = ()
    """Its restarts of the last hour that nobody asked for."""
    refusal: Refusal | None = None
    balance: Balance | None = None
    """What its wallet held when that was last seen."""
    unmatched: Balance | None = None
    """What it held before remedies after which none was seen yet."""
    wallets: tuple[str, ...] = ()
    """The wallets that were last seen loaded: those to load after a start."""
    wallets_run: RunId | None = None
    """The run in which all of them were seen loaded."""
    addresses: AddressCount | None = None
    """The last count."""
    counts: tuple[AddressCount, ...] = ()
    """The last count for each list of wallets, the newest list last."""
    boot_s: float = 0.0
    """What its boots took lately, from the start to the first good answer."""
    idle: RunId | None = None
    """The run in which nothing but a waiting main process was seen."""
    refused_starts: int = 0
    """So many runs in a row, before this one, refused connections to their end."""


class Plan(NamedTuple):
    """A planned restart under way: the root, then its dependents, one by one.

    The next one of ``left`` must have begun before ``deadline_mono``.
    """

    target: str
    left: tuple[InstanceId, ...]
    deadline_mono: float


@dataclass(frozen=True, slots=True)
class EngineView:
    """How fresh our knowledge of the engine is."""

    reachable: bool = False
    reason: str = "not asked yet"
    since: Moment = Moment(0.0, 0.0)
    listed_mono: float | None = None
    told: bool = False
    """Have people heard that it is lost?"""
    deaf: str = ""
    """Why its events are not heard; empty: they are."""
    lost_at: Moment | None = None
    """Since when it could not be reached before; None: that is not known."""
    other: str = ""
    """The name of an engine that is not Docker's: it is watched and not acted on."""


@dataclass(frozen=True, slots=True)
class SettingsView:
    """Are the settings in force those of the file?

    ``faults`` of the file, a line each, while older settings are in force; ``told``
    are those that people have heard of. ``faulty_since``: once they are mended, when
    the file was first found faulty; None: that is not known.
    """

    faults: str = ""
    since: Moment = Moment(0.0, 0.0)
    told: str = ""
    faulty_since: Moment | None = None


@dataclass(frozen=True, slots=True)
class OwnNetworkView:
    """Is our own network lost, as the probes show? ``since`` None: it is not.

    ``told``: have people heard of it? ``told_mono``: when last; None: not by this run.
    """

    since: Moment | None = None
    told: bool = False
    told_mono: float | None = None


class CureKey(NamedTuple):
    """A line of the efficacy ledger."""

    target: str
    cause: Cause
    cure: Cure


@dataclass(frozen=True, slots=True)
class State:
    """All of it. ``paused`` maps a target to when it resumes (wall; inf: never)."""

    started: Moment
    mode: Mode = Mode.ACT
    targets: Mapping[str, Target] = field(default_factory=lambda: MappingProxyType({}))
    instances: Mapping[InstanceId, Instance] = field(
        default_factory=lambda: MappingProxyType({})
    )
    left: Mapping[InstanceId, Instance] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Instances as a dead process left them, until the first listing shows them."""
    engine: EngineView = EngineView()
    paused: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    restarts: tuple[float, ...] = ()
    """Moments (mono) within the last hour of restarts that nobody asked for."""
    due: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Planned restarts that wait to begin, and until when (mono) they may."""
    plan: Plan | None = None
    incidents: Mapping[str, Incident] = field(
        default_factory=lambda: MappingProxyType({})
    )
    ledger: Mapping[CureKey, Record] = field(
        default_factory=lambda: MappingProxyType({})
    )

    doubt: str = ""
    """Why what was done before this start is not known, or not all of it."""
    doubt_told: bool = False

    notify: NotifySettings = NotifySettings()
    settings: SettingsView = SettingsView()
    own_network: OwnNetworkView = OwnNetworkView()
    topology: Topology = Topology()
    numbers: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """The replica numbers of each target."""

    @property
    def mode_in_force(self) -> Mode:
        """That of the settings; on an engine that is not supported, ``observe``."""
        return Mode.OBSERVE if self.engine.other else self.mode

    def replicas(self, target: str) -> Iterator[Instance]:
        """The instances of one target."""
        numbers = self.numbers.get(target, ())
        return (self.instances[InstanceId(target, number)] for number in numbers)

    def target_of(self, instance: Instance) -> Target:
        """The settings in force for an instance."""
        return self.targets[instance.id.target]
