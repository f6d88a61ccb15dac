"""Probe ``docker``: the result of the container's own HEALTHCHECK."""

import asyncio

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, NativeHealth
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict, probe_success
from sidecar.core.model.probe_settings import DockerProbe
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.context import ProbeContext
from sidecar.probes.failure import probe_failed
from sidecar.probes.text import last_line


async def probe(
    settings: DockerProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """Ask the engine for the result of its last health check."""
    async with asyncio.timeout(settings.timeout_s):
        fresh = await tools.engine.inspect(container.id)
    match fresh.health:
        case NativeHealth.HEALTHY:
            return probe_success()
        case NativeHealth.UNHEALTHY:
            output = last_line(fresh.health_log)
            reason = Reason.of(R.HEALTH_CHECK_FAILS_SILENTLY)
            if output:
                reason = Reason.of(R.HEALTH_CHECK_FAILS, said=output)
            raise probe_failed(Cause.ENGINE_UNHEALTHY, reason)
        case NativeHealth.NONE:
            raise probe_failed(Cause.MISCONFIGURED, Reason.of(R.NO_HEALTH_CHECK))
        case NativeHealth.STARTING:
            # Not our fault and not the target's: there is no cause to name.
            reason = Reason.of(R.HEALTH_CHECK_STARTS)
            return ProbeResult(ProbeVerdict.UNKNOWN, reason=reason)
