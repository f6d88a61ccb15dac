"""The context of every probe, besides its settings."""

import asyncio
from dataclasses import dataclass

from sidecar.core.ports.engine import Engine
from sidecar.core.ports.loop import Clock
from sidecar.probes.address_counts import AddressCounts
from sidecar.probes.block_heights import BlockHeightTracker
from sidecar.probes.connection_faults import ConnectionFaults
from sidecar.probes.fatal_calls import FatalCalls
from sidecar.probes.http_client.client import HttpClient
from sidecar.probes.http_client.resolver import ThreadResolver
from sidecar.probes.jsonrpc_client import RpcClient
from sidecar.probes.log_watches import LogWatches
from sidecar.probes.memory_samples import MemorySamples
from sidecar.probes.replica_address import ReplicaAddresses


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """The clients and memories that all probes of one sidecar share."""

    resolver: ThreadResolver
    http: HttpClient
    rpc: RpcClient
    engine: Engine
    addresses: ReplicaAddresses
    heights: BlockHeightTracker
    address_counts: AddressCounts
    fatal_calls: FatalCalls
    memory: MemorySamples
    clock: Clock
    logs: LogWatches
    faults: ConnectionFaults


def deadline_in(seconds: float) -> float:
    """The loop's time ``seconds`` from now."""
    return asyncio.get_running_loop().time() + seconds
