"""The context of one remedy, and its result."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.model.container import Container, Process, RunId
from sidecar.core.model.decision import Decision
from sidecar.core.model.event import RemedyCallResult
from sidecar.core.model.target import Target
from sidecar.core.ports.engine import Engine, HostProcesses
from sidecar.core.ports.loop import Clock, LeaseGate, WalletControl
from sidecar.core.reason.reason import Reason
from sidecar.core.status.process_inspection import ProcessFindings


class RemedyExecution(NamedTuple):
    """The result of a remedy; ``container`` is its state at the end.

    ``answered``: nothing was sent because the daemon answered right before.
    ``replaced``: nor was anything, because the restart of another replica has replaced
    its container as well.
    """

    result: RemedyCallResult
    reason: Reason
    container: Container | None = None
    answered: bool = False
    replaced: bool = False


@dataclass(slots=True)
class RemedyContext:
    """The data and the ports that a remedy uses.

    ``container`` was inspected right before. ``committed``: something was sent that
    cannot be undone. ``leaving`` is set when this process has to end. ``tell``
    reports the present step. ``engine_stops``: the number of restarts sent, each of
    which begins with a stop by the engine. ``processes``: all processes a moment
    ago; None: they could not be read. ``findings`` is their evaluation.
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
    host: HostProcesses | None = None
    lease: LeaseGate | None = None
    """The lease of several watchdogs; None: this one is alone."""
    findings: ProcessFindings = field(default_factory=ProcessFindings)
    committed: bool = field(default=False)
    engine_stops: int = field(default=0)
    daemon_asked: bool = field(default=False)
    """The wallet daemon was asked to stop: it may end at any time from then on."""

    @property
    def run(self) -> RunId:
        """The run under treatment."""
        return self.container.run

    async def pause(self, seconds: float) -> None:
        """Wait for ``seconds``; return early when this process has to end."""
        try:
            async with asyncio.timeout(seconds):
                await self.leaving.wait()
        except TimeoutError:
            return
