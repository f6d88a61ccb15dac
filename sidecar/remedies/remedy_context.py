"""One decision being carried out, and what every remedy says at its end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.model.container import Container, Process, RunId
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.target import Target
from sidecar.core.ports.engine import Engine, HostProcesses
from sidecar.core.ports.loop import Clock, WalletControl
from sidecar.core.reason.reason import Reason
from sidecar.core.status.process_inspection import ProcessFindings


class RemedyExecution(NamedTuple):
    """How the acting went; ``container`` is how it looked at the end.

    ``answered``: nothing was sent, for the daemon answered right before.
    """

    result: RemedyCallResult
    reason: Reason
    container: Container | None = None
    answered: bool = False


@dataclass(slots=True)
class RemedyContext:
    """What a remedy works with.

    ``container`` was inspected right before. ``committed``: something was sent
    that cannot be taken back. ``leaving`` is set when this process has to go.
    ``tell`` says what is being waited for. ``engine_stops``: so many restarts were
    sent, each of which the engine begins with a stop. ``processes`` ran in it a moment
    ago, all of them; None: that could not be had. ``seen`` is what they tell.
    """

    decision: Decision
    target: Target
    container: Container
    engine: Engine
    wallets: WalletControl
    clock: Clock
    leaving: asyncio.Event
    tell: Callable[[Reason], None]
    processes: tuple[Process, ...] | None = None
    sight: HostProcesses | None = None
    seen: ProcessFindings = field(default_factory=ProcessFindings)
    committed: bool = field(default=False)
    engine_stops: int = field(default=0)

    @property
    def run(self) -> RunId:
        """The run that is being treated."""
        return self.container.run

    async def pause(self, seconds: float) -> None:
        """Wait, but not when this process has to go."""
        try:
            async with asyncio.timeout(seconds):
                await self.leaving.wait()
        except TimeoutError:
            return
