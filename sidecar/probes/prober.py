"""The prober: selects the probe for its settings, and carries it out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sidecar.core.model.busy_wait import BusyAnswer, BusyVerdict
from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import (
    REASON_LIMIT,
    ProbeResult,
    ProbeVerdict,
    ProbeWarning,
    probe_unknown,
)
from sidecar.core.model.probe_settings import (
    DockerProbe,
    ElectronCashProbe,
    ExecProbe,
    HttpProbe,
    JsonRpcProbe,
    LogProbe,
    MemoryProbe,
    ProbeSettings,
    RunningProbe,
    TcpProbe,
)
from sidecar.core.model.state import State
from sidecar.core.model.target import BusySettings
from sidecar.core.ports.engine import Engine, EngineError
from sidecar.core.ports.loop import Clock
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason, text_reason
from sidecar.core.status.network_reach import Surroundings
from sidecar.probes.address_counts import AddressCounts
from sidecar.probes.block_heights import BlockHeightTracker
from sidecar.probes.busy_question import ask_busy
from sidecar.probes.connection_faults import ConnectionFaults
from sidecar.probes.context import ProbeContext
from sidecar.probes.failure import ProbeFailed
from sidecar.probes.fatal_calls import FatalCalls
from sidecar.probes.http_client.client import HttpClient
from sidecar.probes.http_client.resolver import ThreadResolver
from sidecar.probes.jsonrpc_client import RpcClient
from sidecar.probes.kinds import (
    command,
    container_log,
    docker_health,
    electron_cash,
    http,
    jsonrpc,
    memory,
    running,
    tcp,
)
from sidecar.probes.log_watches import LogWatches
from sidecar.probes.memory_samples import MemorySamples
from sidecar.probes.network_advice import add_network_advice
from sidecar.probes.own_networks import OwnNetworks
from sidecar.probes.replica_address import ReplicaAddresses
from sidecar.probes.stall_detector import StallDetector
from sidecar.probes.wallet_control import RpcWalletControl

LARGE_CHARACTERS = 4096
"""A longer reason is masked in a thread."""

PROBES: Mapping[type[ProbeSettings], Callable[..., Awaitable[ProbeResult]]] = (
    MappingProxyType(
        {
            ElectronCashProbe: electron_cash.probe,
            JsonRpcProbe: jsonrpc.probe,
            HttpProbe: http.probe,
            TcpProbe: tcp.probe,
            ExecProbe: command.probe,
            DockerProbe: docker_health.probe,
            RunningProbe: running.probe,
            MemoryProbe: memory.probe,
            LogProbe: container_log.probe,
        }
    )
)


_LOOK_S = 3.0


async def _no_surroundings() -> Container | None:
    return None


class ProbeRunner:
    """Implements Prober for every kind of settings, and provides the wallet control.

    Create and close it in the loop that uses it. ``mask`` removes secrets from texts
    of targets, which become reasons in messages, pages and records. ``own`` returns
    Sidecar's own container as it is now; None: it has none, or that is not known.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        stall_detector: StallDetector | None = None,
        *,
        mask: Callable[[str], str] = str,
        own: Callable[[], Awaitable[Container | None]] = _no_surroundings,
    ) -> None:
        resolver = ThreadResolver()
        client = HttpClient(resolver)
        self._resolver = resolver
        self._stall_detector = stall_detector or StallDetector()
        self._mask = mask
        self._own_networks: frozenset[str] = frozenset()
        self.faults = ConnectionFaults()
        """Faults of a drill at the connections of all probes and of wallet control."""
        self._tools = ProbeContext(
            resolver=resolver,
            http=client,
            rpc=RpcClient(client),
            engine=engine,
            addresses=ReplicaAddresses(self.faults),
            heights=BlockHeightTracker(),
            address_counts=AddressCounts(),
            fatal_calls=FatalCalls(),
            memory=MemorySamples(),
            clock=clock,
            logs=LogWatches(engine, clock, mask),
            faults=self.faults,
        )
        self._own_location = OwnNetworks(self._tools.addresses, own, clock)
        self.wallet_control = RpcWalletControl(self._tools.rpc, self._tools.addresses)
        """Shares the daemon's turn with the probes: one connection at a time."""

    async def close(self) -> None:
        """Close open requests, logs and the resolver; no probe may be in flight."""
        await self._tools.logs.close()
        self._tools.rpc.close()
        await self._resolver.close()

    def restore_logs(self, state: State) -> None:
        """Read each log on from where an earlier process has judged it."""
        instances = (*state.instances.values(), *state.restored_instances.values())
        self._tools.logs.restore(i.log for i in instances if i.log is not None)

    def set_surroundings(self, surroundings: Surroundings) -> None:
        """Set the stack's containers and Sidecar's own, from the latest list."""
        self._tools.addresses.set_surroundings(surroundings)
        self._own_location.note(surroundings)
        self._tools.logs.keep_only(surroundings.by_id.keys())
        self._own_networks = (
            surroundings.own.networks if surroundings.own else frozenset()
        )

    async def probe(self, settings: ProbeSettings, container: Container) -> ProbeResult:
        """Carry out one probe within its timeout. Raises only CancelledError."""
        mark = self._stall_detector.begin()
        disturbed = NO_REASON
        began = asyncio.get_running_loop().time()
        try:
            surroundings = self._tools.addresses.surroundings
            result = await self._probe(settings, container)
            if await self._has_stale_address(container, result):
                result = await self._probe(settings, container)
            location = self._own_location
            if _may_be_own_network(result) and await location.has_moved_since(
                surroundings
            ):
                result = await self._probe(settings, container)
            result = location.judge_outcome(result, container)
            result = add_network_advice(result, container, self._own_networks)
            outcome = await self._mask_outcome(result)
        finally:
            disturbed = self._stall_detector.end(mark)
        if disturbed and outcome.cause is Cause.HUNG:
            return probe_unknown(Cause.SUSPENDED, disturbed)
        seconds = asyncio.get_running_loop().time() - began
        waited_s = max(seconds, outcome.waited_s)
        return _with_slowness(outcome, waited_s, settings.slow_after_s)

    async def ask_busy(
        self, settings: BusySettings, container: Container
    ) -> BusyAnswer:
        """Ask the container whether it is busy. Raises only CancelledError."""
        try:
            return await ask_busy(settings, container, self._tools)
        except ProbeFailed as trouble:
            outcome = trouble.outcome
        except EngineError as error:
            outcome = probe_unknown(Cause.PROBER_FAILED, text_reason(str(error)))
        masked = await self._mask_outcome(outcome)
        return BusyAnswer(BusyVerdict.UNCLEAR, masked.reason)

    async def _has_stale_address(
        self, container: Container, outcome: ProbeResult
    ) -> bool:
        """Does the container now have other addresses than those that were probed?

        The engine does not report when a network is taken from a container, or given
        back, and another container may get the address at once.
        """
        had_address = bool(container.endpoints) or outcome.cause is Cause.DETACHED
        if outcome.verdict is not ProbeVerdict.FAILURE or not had_address:
            return False
        try:
            async with asyncio.timeout(_LOOK_S):
                fresh = await self._tools.engine.inspect(container.id)
        except (EngineError, TimeoutError):
            return False
        return self._tools.addresses.has_moved(container, fresh)

    async def _mask_outcome(self, outcome: ProbeResult) -> ProbeResult:
        """The outcome with its reason masked, then cut.

        In the other order a part of a secret could remain.
        """
        reason = outcome.reason
        if not reason:
            return outcome
        if reason.text_length > LARGE_CHARACTERS:
            reason = await asyncio.to_thread(reason.map_text, self._clean)
        else:
            reason = reason.map_text(self._clean)
        return replace(outcome, reason=reason.bound(REASON_LIMIT))

    def _clean(self, text: str) -> str:
        return " ".join(self._mask(text).split())

    async def _probe(
        self, settings: ProbeSettings, container: Container
    ) -> ProbeResult:
        try:
            outcome = await PROBES[type(settings)](settings, container, self._tools)
            await self.faults.delay_answer(settings, container.run)
        except ProbeFailed as trouble:
            return trouble.outcome
        except EngineError as error:
            return probe_unknown(Cause.PROBER_FAILED, text_reason(str(error)))
        except Exception as error:  # noqa: BLE001 - Sidecar's own error, not the target's
            text = f"{type(error).__name__}: {error}"
            return probe_unknown(Cause.PROBER_FAILED, text_reason(text))
        return outcome


def _may_be_own_network(outcome: ProbeResult) -> bool:
    """Could the reason be that Sidecar has left the network?"""
    return outcome.path_fault or outcome.cause is Cause.HUNG


def _with_slowness(
    outcome: ProbeResult, seconds: float, slow_after_s: float
) -> ProbeResult:
    if outcome.verdict is not ProbeVerdict.SUCCESS or seconds <= slow_after_s:
        return outcome
    reason = Reason.of(R.ANSWERED_SLOWLY, seconds=seconds)
    if outcome.reason:
        reason = Reason.of(
            R.ANSWERED_SLOWLY_AND, seconds=seconds, reason=outcome.reason
        )
    return replace(
        outcome,
        warnings=(ProbeWarning.SLOW, *outcome.warnings),
        reason=reason,
    )
