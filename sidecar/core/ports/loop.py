"""The other parts that the loop needs: clock, probes, remedies, listeners."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from sidecar.core.model.container import Container
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import Event
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.probe_settings import ElectronCashProbe, ProbeSettings
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.reason.reason import Reason


class Clock(Protocol):
    """Both clocks at once."""

    def now(self) -> Moment:
        """The present moment."""


class Prober(Protocol):
    """Carries out one probe of one container."""

    async def probe(self, settings: ProbeSettings, container: Container) -> ProbeResult:
        """Never raises (but for cancellation): trouble of our own is UNKNOWN."""


class RpcFailed(Exception):
    """A wallet daemon did not do what it was asked; the text fits a log line.

    ``was_answered``: it answered, but an error.
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


class RemedyExecutor(Protocol):
    """Carries out decisions that act or look; the end comes back as an event."""

    def carry_out(
        self, decision: Decision, target: Target, container: Container
    ) -> None:
        """Begin; return at once."""

    def evidence_of(self, instance: InstanceId) -> Mapping[str, object] | None:
        """What was last gathered about an instance, JSON-ready and masked."""


class ProbeScheduler(Protocol):
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


class StepListener(Protocol):
    """Told of each turn after it was stored: log, metrics, listeners."""

    def on_step(self, result: StepResult) -> None:
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


class QueueFull(Exception):
    """The loop's queue is full; the wish was not taken."""


Ask = Callable[[Event], Awaitable[Decision | None]]
"""Put an operator's wish in the loop's queue and wait for what was decided on it.

Overloaded.
"""

Post = Callable[[Event], None]
"""Put an event in the loop's queue; from the loop's own thread only."""
