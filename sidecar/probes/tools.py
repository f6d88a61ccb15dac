"""What every probe is given besides its settings."""

import asyncio
from dataclasses import dataclass

from sidecar.core.ports.engine import Engine
from sidecar.core.ports.loop import Clock
from sidecar.probes.address import Addresses
from sidecar.probes.address_counts import AddressCounts
from sidecar.probes.exchange import HttpClient
from sidecar.probes.fatal_calls import FatalCalls
from sidecar.probes.heights import Heights
from sidecar.probes.jsonrpc_client import RpcClient
from sidecar.probes.resolver import ThreadResolver


@dataclass(frozen=True, slots=True)
class Tools:
    """Shared by all probes of one sidecar."""

    resolver: ThreadResolver
    http: HttpClient
    rpc: RpcClient
    engine: Engine
    addresses: Addresses
    heights: Heights
    address_counts: AddressCounts
    fatal_calls: FatalCalls
    clock: Clock


def deadline_in(seconds: float) -> float:
    """The loop's time ``seconds`` from now."""
    return asyncio.get_running_loop().time() + seconds
