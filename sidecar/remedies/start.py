"""Start a container that stopped by itself."""

from sidecar.remedies import engine_call
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """One start."""
    return await engine_call.start(job, "the engine started it")
