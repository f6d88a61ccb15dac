"""Stop again what somebody stopped while we had it restarted."""

from sidecar.remedies import engine_call
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """One stop."""
    return await engine_call.stop(job, job.decision.stop_timeout_s, "it is stopped")
