"""Simulated services: answers to probes, and wallet daemons that load and stop."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence

from sidecar.core.model.busy_wait import BusyAnswer, BusyVerdict
from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.container import Container, RunId, Status
from sidecar.core.model.probe_result import (
    ProbeResult,
    probe_failure,
    probe_success,
    probe_unknown,
)
from sidecar.core.model.probe_settings import ElectronCashProbe, ProbeSettings
from sidecar.core.model.scenario import Failure, ServiceBehaviour
from sidecar.core.model.target import BusySettings, Target
from sidecar.core.ports.loop import Clock, NotLoaded, RpcFailed
from sidecar.core.reason.reason import text_reason
from sidecar.simulation.virtual_time import round_to_grid

ANSWER_S = round_to_grid(0.01)
_SILENT = frozenset({Cause.HUNG, Cause.THREAD_HELD})


class _FailureInForce:
    """A failure of a target, with the runs that it has affected."""

    def __init__(self, failure: Failure, began_mono: float) -> None:
        self.failure = failure
        limit_s = failure.duration_s
        self.end_mono = math.inf if limit_s is None else began_mono + limit_s
        self._runs: dict[int, list[RunId]] = {}

    def affects(self, container: Container, now_mono: float) -> bool:
        """Does this run of the container fail now?"""
        restarts = self.failure.restarts
        if now_mono >= self.end_mono:
            return False
        runs = self._runs.setdefault(container.number, [])
        if container.run not in runs:
            runs.append(container.run)
        return restarts is None or runs.index(container.run) < restarts


class SimulatedServices:
    """Implements Prober, BusyAsker and WalletControl for simulated containers.

    ``containers`` gives those of the engine now; ``end_process`` ends one, as its own
    stop by RPC does.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        behaviours: Mapping[str, ServiceBehaviour],
        clock: Clock,
        containers: Callable[[], Mapping[str, Container]],
        end_process: Callable[[str], None],
    ) -> None:
        self._targets = {target.service or target.name: target for target in targets}
        self._behaviours = behaviours
        self._clock = clock
        self._containers = containers
        self._end_process = end_process
        self._failures: dict[tuple[str, int | None], _FailureInForce] = {}
        self._busy_until_mono: dict[str, float] = {}
        self._loaded: set[RunId] = set()

    def note_loaded(self, run_id: RunId) -> None:
        """The wallet of a run was loaded before the simulation began."""
        self._loaded.add(run_id)

    def fail(self, failure: Failure) -> None:
        """Let a target fail from now on."""
        key = failure.target, failure.replica
        self._failures[key] = _FailureInForce(failure, self._clock.now().mono)

    def next_end_wall(self) -> float:
        """The end of the next failure that ends by itself; inf: none will."""
        now = self._clock.now()
        ends = (failure.end_mono for failure in self._failures.values())
        end_mono = min((end for end in ends if end > now.mono), default=math.inf)
        return now.wall + end_mono - now.mono

    def be_busy(self, target: str, seconds: float) -> None:
        """Let a target say that it is busy for so long."""
        self._busy_until_mono[target] = self._clock.now().mono + seconds

    async def probe(self, settings: ProbeSettings, container: Container) -> ProbeResult:
        """The answer of the container, after the time that it takes."""
        current = self._containers().get(container.id)
        if current is None or current.status is not Status.RUNNING:
            await asyncio.sleep(ANSWER_S)
            reason = text_reason("the name does not resolve")
            return probe_failure(Cause.DETACHED, reason, path_fault=True)
        result = self._answer(settings, current)
        is_silent = result.cause in _SILENT
        await asyncio.sleep(settings.timeout_s if is_silent else ANSWER_S)
        return result

    async def ask_busy(
        self, settings: BusySettings, container: Container
    ) -> BusyAnswer:
        """Busy as long as the scenario says so."""
        target = self._targets[container.service].name
        until_mono = self._busy_until_mono.get(target, 0.0)
        busy = self._clock.now().mono < until_mono
        return BusyAnswer(BusyVerdict.BUSY if busy else BusyVerdict.FREE)

    async def answers(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> bool:
        """Does the daemon answer anything?"""
        result = self._answer(settings, container)
        await asyncio.sleep(timeout_s if result.cause in _SILENT else ANSWER_S)
        return result.rpc_answers

    async def stop(
        self, settings: ElectronCashProbe, container: Container, timeout_s: float
    ) -> None:
        """Stop the daemon, if it answers. Raises RpcFailed."""
        if not await self.answers(settings, container, timeout_s):
            raise RpcFailed(text_reason("no answer"))
        self._end_process(container.id)

    async def load_wallets(
        self,
        settings: ElectronCashProbe,
        container: Container,
        paths: Sequence[str],
        timeout_s: float,
    ) -> tuple[NotLoaded, ...]:
        """Load the wallet, if the daemon answers. Raises RpcFailed."""
        if not await self.answers(settings, container, timeout_s):
            raise RpcFailed(text_reason("no answer"))
        self._loaded.add(container.run)
        return ()

    def _answer(self, settings: ProbeSettings, container: Container) -> ProbeResult:
        target, now = self._targets[container.service], self._clock.now()
        behaviour = self._behaviours.get(target.name, ServiceBehaviour())
        if now.wall - container.started_at < behaviour.boot_s:
            return probe_failure(Cause.REFUSED, text_reason("connection refused"))
        for key in ((target.name, container.number), (target.name, None)):
            force = self._failures.get(key)
            if force is not None and force.affects(container, now.mono):
                return _failure_of(force.failure.cause)
        is_wallet = isinstance(settings, ElectronCashProbe)
        if is_wallet and not behaviour.loads_wallet:
            return self._answer_of_wallet(container)
        return probe_success()

    def _answer_of_wallet(self, container: Container) -> ProbeResult:
        if container.run in self._loaded:
            return probe_success()
        nothing = text_reason("no wallet is loaded")
        return probe_failure(Cause.WALLET_NOT_LOADED, nothing, rpc_answers=True)


def _failure_of(cause: Cause) -> ProbeResult:
    rule, reason = CAUSES[cause], text_reason(f"simulated: {cause}")
    if rule.is_unmeasured:
        return probe_unknown(cause, reason)
    return probe_failure(cause, reason, rpc_answers=rule.daemon_works)
