"""Stop again what somebody stopped while we had it restarted."""

from sidecar.remedies import engine_call
from sidecar.remedies.job import Acted, Job


async def carry_out(job: Job) -> Acted:
    """One stop."""
    return await engine_call.stop(job, job.decision.stop_timeout_s, "it is stopped")
