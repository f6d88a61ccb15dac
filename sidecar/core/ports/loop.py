"""Protocols of the other components of the loop: clock, probes, remedies, feed."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import NamedTuple, Protocol

from sidecar.core.model.busy_wait import BusyAnswer
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import Event
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.probe_settings import ElectronCashProbe, ProbeSettings
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import BusySettings, InstanceId, Target
from sidecar.core.reason.reason import Reason


class Clock(Protocol):
    """Source of the time, on both clocks."""

    def now(self) -> Moment:
        """The present moment."""


class Prober(Protocol):
    """Carries out one probe of one container."""

    async def probe(self, settings: ProbeSettings, container: Container) -> ProbeResult:
        """Probe; raises only on cancellation: errors of our own give UNKNOWN."""


class BusyAsker(Protocol):
    """Asks a container whether it is busy."""

    async def ask_busy(
        self, settings: BusySettings, container: Container
    ) -> BusyAnswer:
        """The answer, within some seconds; raises only CancelledError."""


class RpcFailed(Exception):
    """A wallet daemon did not carry out a call; the text fits a log line.

    ``was_answered``: it answered, with an error.
    """

    def __init__(self, reason: Reason, *, was_answered: bool = False) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.was_answered = was_answered


class NotLoaded(NamedTuple):
    """A wallet that is not loaded after a load; ``reason`` may be empty."""

    path: str
    reason: Reason


class WalletControl(Protocol):
    """Commands to a wallet daemon, without automatic retries."""

    async def answers(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> bool:
        """Does the daemon answer anything within ``timeout_s``? Never raises."""

    async def stop(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> None:
        """Call RPC ``stop``: saves issued addresses, then exits. Raises RpcFailed."""

    async def load_wallets(
        self,
        settings: ElectronCashProbe,
        container: Container,
        paths: Sequence[str],
        timeout_s: float,
    ) -> tuple[NotLoaded, ...]:
        """Load these wallets (empty: the default wallet); return those not loaded.

        Raises RpcFailed where the daemon cannot be asked.
        """


class LeaseGate(Protocol):
    """The lease of several watchdogs, asked right before a call to the engine."""

    async def permit(
        self, decision: Decision, call_s: float, *, committed: bool
    ) -> Reason:
        """Why a call that lasts ``call_s`` may not be sent now; NO_REASON: it may.

        ``committed``: a daemon was stopped already, and must be started. Never raises;
        takes some seconds at most.
        """

    async def check_again(
        self, decision: Decision, call_s: float, *, committed: bool
    ) -> Reason:
        """Why such a call is not permitted any more: the last check, which asks nobody.

        It may wait some seconds for the turn of this watchdog.
        """

    def end_call(self) -> None:
        """The call has ended, or was not sent: the lease need not last for it."""


class RemedyExecutor(Protocol):
    """Carries out remedies and inspections; their results come back as events."""

    def carry_out(
        self, decision: Decision, target: Target, container: Container
    ) -> None:
        """Begin the action; return at once."""

    def evidence_of(self, instance: InstanceId) -> Mapping[str, object] | None:
        """The last evidence about an instance, JSON-ready and masked; None: none."""


class ProbeScheduler(Protocol):
    """Schedules the next probe of each instance."""

    def pace(
        self, instance: InstanceId, target: Target, container: Container, every_s: float
    ) -> None:
        """Probe this instance again ``every_s`` after its last probe ended."""

    def forget(self, instance: InstanceId) -> None:
        """Stop probing this instance."""


class Component(NamedTuple):
    """Health of one component of Sidecar; ``reason`` is empty when it is healthy.

    ``ok`` with a reason: the component works, but is degraded.
    """

    name: str
    ok: bool
    reason: str
    since_wall: float


class StepListener(Protocol):
    """Receives each step after it was stored: log, metrics, feed."""

    def on_step(self, result: StepResult) -> None:
        """Process a result; must not raise or wait."""


class PlannedTime(NamedTuple):
    """Time of a planned restart of a target; ``skipped``: it will be left out.

    ``in_window``: because it lies in a maintenance window.
    ``before_limit``: it happens only if memory reaches its limit before the next one.
    """

    target: str
    at_wall: float
    cron: str
    timezone: str
    skipped: bool
    in_window: bool = False
    before_limit: bool = False


class Schedule(Protocol):
    """The planned restarts."""

    def upcoming_times(self, count: int) -> tuple[PlannedTime, ...]:
        """The next ``count`` times of each target with a schedule, in order."""

    def upcoming_by_target(self, count: int) -> Iterator[tuple[PlannedTime, ...]]:
        """The same, target by target: each is worked out when it is taken."""

    def skip_next(self, target: str) -> PlannedTime | None:
        """Skip the next planned restart; None: the target has no schedule."""


class TaskSchedule(Protocol):
    """The maintenance tasks' due times."""

    def upcoming_times(self, task: str, count: int) -> tuple[float, ...]:
        """The next due times of a task (wall clock); none: there is no such task."""


class Feed(Protocol):
    """Feed of all changes, as JSON-ready records."""

    def listen(self, after: int | None = None) -> AsyncIterator[dict[str, object]]:
        """Records from now on; a listener that is too slow is disconnected.

        With ``after``, first those after this number: a record ``gap`` says that some
        are not kept any more.
        """

    def recent(self, count: int) -> tuple[dict[str, object], ...]:
        """The last records, oldest first."""


class QueueFull(Exception):
    """The loop's queue is full; the request was not accepted."""


Ask = Callable[[Event], Awaitable[Decision | None]]
"""Put an operator's request in the loop's queue and wait for the decision on it.

Raises QueueFull.
"""

Post = Callable[[Event], None]
"""Put an event in the loop's queue; from the loop's own thread only."""
