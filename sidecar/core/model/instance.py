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
from sidecar.core.model.log_mark import LogMark
from sidecar.core.model.memory import MemoryHistory
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import Balance
from sidecar.core.model.restart_overlap import RestartOverlap
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.model.wallet_file import WalletDamage
from sidecar.core.reason.reason import NO_REASON, Reason


class RemedyPhase(StrEnum):
    """Phase of a remedy.

    DRAINING: nothing was done yet; requests in flight may end. ACTING: the executor
    carries it out. VERIFYING: probes judge the result.
    TAKEN_OVER: a sidecar that has died began it, and its progress is not known yet.
    """

    DRAINING = "draining"
    ACTING = "acting"
    VERIFYING = "verifying"
    TAKEN_OVER = "taken over"


class AddressCount(NamedTuple):
    """Number of addresses of a daemon's current wallet at the last count.

    ``paths``: the loaded wallets; another list means another current wallet.
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
    """A current remedy; it ends by observed health or at its deadline."""

    decision: Decision
    phase: RemedyPhase
    began: Moment
    deadline_mono: float
    first_failure_mono: float | None
    note: Reason = NO_REASON
    uncertain: bool = False
    """The engine did not report whether it did the action."""
    balance: Balance | None = None
    """Balance of the wallet before it; None: not known, or there is no wallet."""
    addresses: AddressCount | None = None
    """Number of addresses of the wallet before it."""
    extended_s: float = 0.0
    """Extension of its verification, which gave way to other remedies."""


@dataclass(frozen=True, slots=True)
class CrashLoopLog:
    """End of the log of a container in a crash loop, for the message about the loop.

    ``log`` None: it is being gathered, or was sent; the message waits until
    ``until_mono`` at most. ``told``: the message was sent; one per loop.
    """

    until_mono: float
    log: str | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The engine refused an action on this instance; ``reason`` is its answer."""

    action: Action
    at_mono: float
    reason: str


class StopOrigin(StrEnum):
    """Did a person stop the container? ASSUMED: found stopped, origin unknown."""

    NONE = "none"
    ASSUMED = "assumed"
    SEEN = "seen"


@dataclass(frozen=True, slots=True)
class Settling:
    """A root recovered: its dependent has time until ``until_mono`` to follow."""

    root: str
    until_mono: float


@dataclass(frozen=True, slots=True)
class Redeploy:
    """A replacement container that was created and not started yet."""

    name: str
    since: Moment


@dataclass(frozen=True, slots=True)
class RestartWish:
    """A planned restart that a probe of ``run`` asked for at ``at_mono``."""

    run: RunId
    at_mono: float


@dataclass(frozen=True, slots=True)
class Instance:
    """One replica of a target.

    ``name`` is the public name: the target's, with the replica's number only
    where there are several. ``run_mono`` is the begin of the current run.
    ``kills`` are the last signals from others. ``exits`` are the times of its last
    exits by itself; ``short_runs`` counts runs in a row that ended within 60 s;
    ``looping``: it is in a crash loop, so it is not restarted.
    """

    id: InstanceId
    name: str
    container: Container | None = None
    run_mono: float = 0.0
    missing_since: Moment | None = None
    kills: tuple[ForeignSignal, ...] = ()
    overlap: RestartOverlap = RestartOverlap()
    """Actions that others requested of the engine during our last restart."""
    set_aside: str = ""
    """Name of its old container, while a recreate has not ended."""
    redeploy: Redeploy | None = None
    """Its redeploy, while that is not finished."""
    seen_mono: float | None = None
    """When its container was last observed."""
    stop: StopOrigin = StopOrigin.NONE
    exited_mono: float | None = None
    exits: tuple[float, ...] = ()
    short_runs: int = 0
    looping: bool = False
    runs: tuple[RunInterval, ...] = ()
    """Its last ended runs, oldest first."""
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
    """The current ``load_wallet`` call, possibly within a restart's verification."""
    called_mono: float = 0.0
    """When the last ``load_wallet`` call ended."""
    load_failure: Reason = NO_REASON
    """Why the last load of this run's wallet failed."""
    settling: Settling | None = None
    must_restart: bool = False
    """A dependent with ``after_dependency: always`` whose root has just recovered."""
    was_away: bool = False
    """Since it last worked, it was unavailable to its dependents, or restarted."""
    asked: bool = False
    asked_now: bool = False
    looked: RunId | None = None
    """The run whose processes were last inspected."""
    looked_mono: float | None = None
    """When they were last inspected after a refused connection."""
    served: RunId | None = None
    """The run in which a serving process was seen; its loss then proves a failure."""
    incident: str | None = None
    last_decision: Decision | None = None
    treated: RunId | None = None
    """The run that our last start or restart was to replace."""
    restarted: Moment | None = None
    returned_mono: float | None = None
    """When a restart of Sidecar last ended well."""
    restarts_total: int = 0
    counted_mono: tuple[float, ...] = ()
    """Its automatic restarts of the last hour."""
    refusal: Refusal | None = None
    recreated_in: str = ""
    """The incident in which it was recreated, or could not be: once per incident."""
    balance: Balance | None = None
    """Last known balance of its wallet."""
    unmatched: Balance | None = None
    """Balance before remedies after which no balance was seen yet."""
    wallets: tuple[str, ...] = ()
    """The wallets that were last loaded: they are loaded after a start."""
    wallets_run: RunId | None = None
    """The run in which all of them were loaded."""
    addresses: AddressCount | None = None
    """The last address count."""
    counts: tuple[AddressCount, ...] = ()
    """The last count for each list of wallets, the newest list last."""
    wallet_damage: WalletDamage | None = None
    """The damage of its wallet file on disk; None: none is known."""
    boot_s: float = 0.0
    """Learned boot time, from the start to the first good answer."""
    idle: RunId | None = None
    """The run in which only a waiting main process was seen."""
    log: LogMark | None = None
    """How far its log was judged."""
    wish: RestartWish | None = None
    """The last planned restart that a probe asked for; it is not stored."""
    memory: MemoryHistory | None = None
    """Memory of its container; None: it is not measured."""
    memory_killed: RunId | None = None
    """The run in which the kernel killed a process for lack of memory."""
    refused_starts: int = 0
    """Number of runs in a row, before this one, that always refused connections."""
    drilled: RunId | None = None
    """The run that a drill kills: its end is no operator's stop."""

    @property
    def is_unaffected_by_time(self) -> bool:
        """Is there nothing that time alone could change or that waits for an answer?"""
        return (
            self.state in WORKING_STATES
            and self.remedy is None
            and self.loading is None
            and not self.asked
            and not self.must_restart
            and not self.looping
            and not self.short_runs
            and not self.overlap.has_others_stop
            and self.redeploy is None
            and not self.set_aside
        )
