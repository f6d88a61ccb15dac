"""Does the container run? For what serves nothing and has no HEALTHCHECK."""

import asyncio

from sidecar.core.container import Container, Status
from sidecar.core.outcome import Outcome, Verdict, success
from sidecar.core.target import RunningProbe
from sidecar.probes.tools import Tools


async def probe(settings: RunningProbe, container: Container, tools: Tools) -> Outcome:
    """Ask the engine. That it has ended is for the engine's list and events to say:
    they know how.
    """
    async with asyncio.timeout(settings.timeout_s):
        fresh = await tools.engine.inspect(container.id)
    if fresh.status is Status.RUNNING:
        return success()
    return Outcome(Verdict.UNKNOWN, reason=f"its container is {fresh.status} now")
