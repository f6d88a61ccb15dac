"""Probes of a wallet daemon on a scripted socket, with a short timeout."""

from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import a_container
from tests.support.probe_servers import Server

CONTAINER = a_container()
TIMEOUT_S = 0.4
LONG_S = 5.0


def settings(server: Server, timeout_s: float = TIMEOUT_S) -> ElectronCashProbe:
    """Settings of a probe that calls an answer slow after 0.1 s."""
    return ElectronCashProbe(server.url, timeout_s, slow_after_s=0.1)


async def run_probes(
    prober: ProbeRunner, server: Server, times: int = 1
) -> list[ProbeResult]:
    """Results of this many probes, one after another."""
    return [await prober.probe(settings(server), CONTAINER) for _ in range(times)]
