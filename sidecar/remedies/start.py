"""Start a container that stopped by itself."""

from sidecar.remedies import engine_call
from sidecar.remedies.job import Acted, Job


async def carry_out(job: Job) -> Acted:
    """One start."""
    return await engine_call.start(job, "the engine started it")
