"""One replica of a target: its container, health, remedy and tries. Frozen."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, RunId
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.foreign_signal import ForeignSignal
from sidecar.core.model.health import Health
from sidecar.core.model.lane import Lane
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import Balance
from sidecar.core.model.restart_overlap import RestartOverlap
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.reason.reason import NO_REASON, Reason


class RemedyPhase(StrEnum):
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


class RunInterval(NamedTuple):
    """A run that has ended, by the engine's clock."""

    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Remedy:
    """A remedy under way; it ends by observed health or at its deadline."""

    decision: Decision
    phase: RemedyPhase
    began: Moment
    deadline_mono: float
    first_failure_mono: float | None
    note: Reason = NO_REASON
    uncertain: bool = False
    """The engine did not say whether it did as asked."""
    balance: Balance | None = None
    """What the wallet held before it; None: not known, or there is no wallet."""
    addresses: AddressCount | None = None
    """How many addresses the wallet had before it."""
    extended_s: float = 0.0
    """So much later its verification ends, for it gave way to other remedies."""


@dataclass(frozen=True, slots=True)
class CrashLoopLog:
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


class StopOrigin(StrEnum):
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
    kills: tuple[ForeignSignal, ...] = ()
    overlap: RestartOverlap = RestartOverlap()
    """What others had the engine do during our last restart."""
    redeploy: Redeploy | None = None
    """Of it, as long as that does not come to its end."""
    seen_mono: float | None = None
    """When a container of it was last looked at."""
    stop: StopOrigin = StopOrigin.NONE
    exited_mono: float | None = None
    exits: tuple[float, ...] = ()
    short_runs: int = 0
    looping: bool = False
    runs: tuple[RunInterval, ...] = ()
    """Its last runs that have ended, oldest first."""
    last_words: CrashLoopLog | None = None
    health: Health = Health()
    state: TargetState = TargetState.UNKNOWN
    since: Moment = Moment(0.0, 0.0)
    cause: Cause | None = None
    reason: Reason = NO_REASON
    lane: Lane = Lane()
    load_lane: Lane = Lane()
    remedy: Remedy | None = None
    loading: Decision | None = None
    """A ``load_wallet`` call under way, possibly within a restart's verification."""
    called_mono: float = 0.0
    """When the last ``load_wallet`` call ended."""
    load_failure: Reason = NO_REASON
    """Why this run's wallet could not be loaded when that was last tried."""
    settling: Settling | None = None
    must_restart: bool = False
    """A dependent with ``after_dependency: always`` whose root has just recovered."""
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
