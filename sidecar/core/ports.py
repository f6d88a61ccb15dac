"""What the loop needs of the world, and the errors the world may raise."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from sidecar.core.container import Container, Process
from sidecar.core.decision import Decision
from sidecar.core.event import Event, NoticeKind
from sidecar.core.incident import Incident
from sidecar.core.moment import Moment
from sidecar.core.outcome import Outcome
from sidecar.core.record import Entry, EntryKind, Message, Steps, Watched
from sidecar.core.state import State
from sidecar.core.target import (
    ElectronCashProbe,
    InstanceId,
    ProbeSettings,
    Target,
)
from sidecar.core.transition import Transition


class EngineError(Exception):
    """The engine did not do what was asked. The text is fit for a log line."""


class EngineUnreachable(EngineError):
    """Nothing was sent: no connection, or the circuit breaker is open."""


class EngineTimeout(EngineError):
    """It was sent and no answer came in time: whether it was done is unknown."""


class CommandTimeout(EngineTimeout):
    """The engine did its part; the command in the container did not end in time."""


class EngineRefused(EngineError):
    """The engine answered no (any 4xx or 5xx but not found), or we refused
    ourselves because the container is not of our stack.
    """


class EngineForbidden(EngineRefused):
    """The engine, or the filter in front of it, does not let us do that: nothing was
    done, and it will say the same again.
    """


class ContainerGone(EngineError):
    """There is no such container."""


class Notice(NamedTuple):
    """One event of the engine about a container of our stack.

    ``signal`` comes with KILL, 0 where the engine does not say which; ``exit_code``
    with DIE.
    """

    kind: NoticeKind
    container_id: str
    engine_time: float
    signal: int = 0
    exit_code: int | None = None


class Connected(NamedTuple):
    """The event stream was (re)established: what came before may be lost."""


class Disconnected(NamedTuple):
    """The event stream ended; reconnecting goes on by itself.

    ``refused``: somebody answered no, which will last.
    """

    reason: str
    refused: bool = False


class ExecResult(NamedTuple):
    """How a command in a container ended; ``output`` is its last part."""

    exit_code: int
    output: str


class Engine(Protocol):
    """The container engine, limited to one stack. Every call has a deadline.

    All raise EngineError's children and nothing else.
    """

    async def containers(self) -> tuple[Container, ...]:
        """All containers of the stack, running or not.

        One of which the engine gives no usable answer has a ``fault``.
        """

    async def inspect(self, container_id: str) -> Container:
        """One container of the stack."""

    async def start(self, container_id: str) -> None:
        """Start a container that is not running."""

    async def restart(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop (SIGKILL after ``stop_timeout_s``) and start."""

    async def stop(self, container_id: str, stop_timeout_s: float) -> None:
        """Stop (SIGKILL after ``stop_timeout_s``); one that is stopped stays so."""

    async def signal(self, container_id: str, signal: str) -> None:
        """Send a signal, such as SIGCONT, to the container's main process."""

    async def logs(self, container_id: str, lines: int) -> str:
        """The last lines of the container's log, with time stamps."""

    async def processes(self, container_id: str) -> tuple[Process, ...]:
        """What runs in the container."""

    async def stats(self, container_id: str) -> dict[str, float]:
        """memory_bytes, memory_limit_bytes, pids, cpu_seconds; what is known."""

    async def execute(
        self, container_id: str, command: tuple[str, ...], timeout_s: float
    ) -> ExecResult:
        """Run a command in the container and wait for it."""

    def events(self) -> AsyncIterator[Notice | Connected | Disconnected]:
        """Engine events of the stack, reconnecting for ever."""


class Sight(Protocol):
    """The host's own processes, where we are let see them."""

    async def processes(self, container: Container) -> tuple[Process, ...] | None:
        """What runs in the container; None: that cannot be seen from here."""


class Clock(Protocol):
    """Both clocks at once."""

    def now(self) -> Moment:
        """The present moment."""


class Prober(Protocol):
    """Carries out one probe of one container."""

    async def probe(self, settings: ProbeSettings, container: Container) -> Outcome:
        """Never raises (but for cancellation): trouble of our own is UNKNOWN."""


class RpcFailed(Exception):
    """A wallet daemon did not do what it was asked; the text fits a log line.

    ``was_answered``: it answered, but an error.
    """

    def __init__(self, reason: str, *, was_answered: bool = False) -> None:
        super().__init__(reason)
        self.was_answered = was_answered


class NotLoaded(NamedTuple):
    """A wallet that is not loaded after a load; ``reason`` may be empty."""

    path: str
    reason: str


class WalletControl(Protocol):
    """The orders to a wallet daemon. Never repeated by themselves."""

    async def answers(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> bool:
        """Does it answer anything within ``timeout_s``? Never raises."""

    async def stop(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> None:
        """RPC ``stop``: saves handed-out addresses, then exits. RpcFailed."""

    async def load_wallets(
        self,
        settings: ElectronCashProbe,
        container: Container,
        paths: Sequence[str],
        timeout_s: float,
    ) -> tuple[NotLoaded, ...]:
        """Load these wallets; none named: the default one. What is not loaded then.
        RpcFailed where the daemon cannot be asked.
        """


class Remedies(Protocol):
    """Carries out decisions that act or look; the end comes back as an event."""

    def carry_out(
        self, decision: Decision, target: Target, container: Container
    ) -> None:
        """Begin; return at once."""

    def evidence_of(self, instance: InstanceId) -> Mapping[str, object] | None:
        """What was last gathered about an instance, JSON-ready and masked."""


class Probing(Protocol):
    """When each instance is asked next."""

    def pace(
        self, instance: InstanceId, target: Target, container: Container, every_s: float
    ) -> None:
        """Probe this instance again ``every_s`` after its last probe ended."""

    def forget(self, instance: InstanceId) -> None:
        """Stop probing this instance."""


class Component(NamedTuple):
    """The health of one part of ourselves; ``reason`` is empty when it is fine.

    ``ok`` with a reason: it does its work, and less well than it could.
    """

    name: str
    ok: bool
    reason: str
    since_wall: float


class Turned(NamedTuple):
    """One turn of the loop, to be remembered.

    ``touched`` are the instances that may have changed; ``evidence`` comes with a
    remedy that has acted and after a page, JSON-ready and masked; ``messages`` are
    to be told.
    """

    event: Event
    transitions: tuple[Transition, ...]
    decisions: tuple[Decision, ...]
    touched: tuple[InstanceId, ...]
    state: State
    messages: tuple[Message, ...] = ()
    evidence: Mapping[str, object] | None = None


class Store(Protocol):
    """What must survive us. Facts are stored first and told second."""

    async def load(self) -> State | None:
        """The state as it was left, its monotonic times as the dead process knew
        them (``core.restore`` moves them); None where there is none.
        """

    async def append(self, turned: Turned) -> None:
        """Return once it is on disk. Nothing is raised where that fails: the
        store says so by its component and goes on from memory.
        """

    def component(self) -> Component:
        """Is it writable?"""


class Teller(Protocol):
    """Told of each turn after it was stored: log, metrics, listeners."""

    def tell(
        self,
        event: Event,
        transitions: tuple[Transition, ...],
        decisions: tuple[Decision, ...],
        state: State,
    ) -> None:
        """Pass on what happened; must not raise or wait."""


class PlannedTime(NamedTuple):
    """When a target is next restarted on purpose; ``skipped``: not this time."""

    target: str
    at_wall: float
    cron: str
    timezone: str
    skipped: bool


class Schedule(Protocol):
    """The planned restarts."""

    def upcoming(self, count: int) -> tuple[PlannedTime, ...]:
        """The next ``count`` times of every target that has a schedule, in order."""

    def skip_next(self, target: str) -> PlannedTime | None:
        """Leave out the next one; None where the target has no schedule."""


class Feed(Protocol):
    """Everything that happens, as JSON-ready records, for listeners."""

    def listen(self) -> AsyncIterator[dict[str, object]]:
        """Records from now on; a listener too slow is cut off, never waited for."""

    def recent(self, count: int) -> tuple[dict[str, object], ...]:
        """The last records, oldest first."""


class Overloaded(Exception):
    """The loop's queue is full; the wish was not taken."""


Ask = Callable[[Event], Awaitable[Decision | None]]
"""Put an operator's wish in the loop's queue and wait for what was decided on it.

Overloaded.
"""

Post = Callable[[Event], None]
"""Put an event in the loop's queue; from the loop's own thread only."""


class StoreBroken(Exception):
    """The store cannot be used; the text says why and what to do."""


class StoreUnusable(StoreBroken):
    """The disk does not let anything be kept, now: full, read-only, gone, silent."""


class StoreInUse(StoreBroken):
    """Another sidecar has this state directory."""


class Outbox(Protocol):
    """Messages that were stored and not yet delivered. Survives us."""

    async def due(self, channel: str, now_wall: float) -> Message | None:
        """The next message to try: the first undelivered of some incident."""

    async def waiting(self, channel: str) -> tuple[Message, ...]:
        """All that are undelivered, in no order."""

    async def begun(self, message_id: str, not_before_wall: float) -> None:
        """It is being sent: should we die of it, it is not due before then."""

    async def delivered(self, message_id: str, now_wall: float) -> None:
        """It has arrived: never again."""

    async def put_off(
        self, message_id: str, not_before_wall: float, error: str
    ) -> None:
        """It failed for now; counts the attempt."""

    async def given_up(self, message_id: str, now_wall: float, error: str) -> None:
        """It can never be delivered (a permanent error): the next ones may go."""

    async def abandon(self, channel: str, now_wall: float) -> None:
        """There is no such channel any more: its messages are given up."""

    async def pending(self) -> dict[str, int]:
        """How many wait, by channel."""


class Journal(Protocol):
    """What happened, for reports. Times are wall clock seconds."""

    async def entries(
        self,
        since_wall: float,
        until_wall: float,
        *,
        target: str | None = None,
        incident: str | None = None,
        kinds: frozenset[EntryKind] = frozenset(),
    ) -> tuple[Entry, ...]:
        """In order of time, ``until_wall`` excluded; no ``kinds`` means all."""

    def steps(
        self, since_wall: float, until_wall: float
    ) -> AsyncIterator[Sequence[tuple[str, Steps]]]:
        """What a report counts, of each target in order of time; in pieces of bounded
        size, of which two may be about the same target.
        """

    async def incidents(
        self, *, open_only: bool = False, limit: int = 100
    ) -> tuple[Incident, ...]:
        """The last ones, newest first."""

    async def incident(self, which: str) -> Incident | None:
        """One by its id."""

    async def evidence(self, incident: str) -> tuple[Mapping[str, object], ...]:
        """The bundles that were gathered for an incident, oldest first."""

    async def watched(
        self, since_wall: float, until_wall: float
    ) -> tuple[Watched, ...]:
        """The stretches in which we measured, clipped to what was asked."""
