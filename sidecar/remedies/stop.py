"""Stop a container again that somebody stopped while Sidecar restarted it."""

from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.remedies import engine_call
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """Send one stop."""
    stopped = Reason.of(R.ENGINE_STOPPED_IT)
    return await engine_call.stop(job, job.decision.stop_timeout_s, stopped)
