"""Faults of drills at Sidecar's own connections to one run of one container.

The container and its other clients are not touched. Connections are refused by a port
of our own that nobody listens on: the kernel answers as it does for a dead daemon.
"""

import asyncio
import socket

from aiohttp.abc import ResolveResult

from sidecar.core.model.container import RunId
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.probe_settings import ProbeSettings, ProbeWay
from sidecar.probes.http_client.resolver import numeric_result

_HOST = "127.0.0.1"
BEYOND_S = 0.5
"""An answer that is late comes so much after the time from which it counts as slow."""


class ConnectionFaults:
    """Implements core.ports.drills.ConnectionFaults."""

    def __init__(self) -> None:
        self._fault: DrillFault | None = None
        self._run: RunId | None = None
        self._closed_port: socket.socket | None = None

    def begin(self, fault: DrillFault, run: RunId) -> None:
        """Disturb connections to the run from now on. OSError: no port is free."""
        self.end()
        if fault is DrillFault.REFUSE:
            self._closed_port = _bind_port()
        self._fault, self._run = fault, run

    def end(self) -> None:
        """Disturb nothing any more."""
        self._fault = self._run = None
        if self._closed_port is not None:
            self._closed_port.close()
            self._closed_port = None

    def closed_address(self, host: str, run: RunId) -> ResolveResult | None:
        """The address that refuses, in place of those of ``host``; None: no fault."""
        if self._closed_port is None or run != self._run:
            return None
        port: int = self._closed_port.getsockname()[1]
        return numeric_result(host, _HOST, port)

    def hides_upstream(self, run: RunId) -> bool:
        """Does a wallet daemon seem to have no server?"""
        return self._fault is DrillFault.UPSTREAM and run == self._run

    async def delay_answer(self, settings: ProbeSettings, run: RunId) -> None:
        """Wait until an answer over the network counts as slow; else return at once."""
        is_slow = self._fault is DrillFault.SLOW and run == self._run
        if is_slow and settings.WAY is not ProbeWay.ENGINE:
            await asyncio.sleep(settings.slow_after_s + BEYOND_S)


def _bind_port() -> socket.socket:
    """A port that is taken, so that nobody else can listen on it."""
    port = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        port.bind((_HOST, 0))
    except OSError:
        port.close()
        raise
    return port
