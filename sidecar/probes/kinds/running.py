"""Probe ``running``: does the container run? For containers without a service."""

import asyncio

from sidecar.core.model.container import Container, Status
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict, probe_success
from sidecar.core.model.probe_settings import RunningProbe
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.context import ProbeContext


async def probe(
    settings: RunningProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """Ask the engine whether the container runs; UNKNOWN if it does not.

    The engine's list and events report its end, with the details.
    """
    async with asyncio.timeout(settings.timeout_s):
        fresh = await tools.engine.inspect(container.id)
    if fresh.status is Status.RUNNING:
        return probe_success()
    return ProbeResult(
        ProbeVerdict.UNKNOWN, reason=Reason.of(R.CONTAINER_IS, status=fresh.status)
    )
