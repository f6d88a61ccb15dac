"""What does the container's own HEALTHCHECK say?"""

import asyncio

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, NativeHealth
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict, probe_success
from sidecar.core.model.probe_settings import DockerProbe
from sidecar.probes.context import ProbeContext
from sidecar.probes.failure import probe_failed
from sidecar.probes.text import last_line


async def probe(
    settings: DockerProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """Ask the engine for the result of the last check that it made."""
    async with asyncio.timeout(settings.timeout_s):
        fresh = await tools.engine.inspect(container.id)
    match fresh.health:
        case NativeHealth.HEALTHY:
            return probe_success()
        case NativeHealth.UNHEALTHY:
            said = last_line(fresh.health_log) or "it says nothing more"
            raise probe_failed(
                Cause.ENGINE_UNHEALTHY, f"its own health check fails: {said}"
            )
        case NativeHealth.NONE:
            raise probe_failed(Cause.MISCONFIGURED, "it has no HEALTHCHECK to go by")
        case NativeHealth.STARTING:
            # Not our fault and not the target's: there is no cause to name.
            said = "its own health check is still starting"
            return ProbeResult(ProbeVerdict.UNKNOWN, reason=said)
