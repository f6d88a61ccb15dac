"""Start a container that stopped by itself."""

from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.remedies import engine_call
from sidecar.remedies.remedy_context import RemedyContext, RemedyExecution


async def carry_out(job: RemedyContext) -> RemedyExecution:
    """Send one start."""
    return await engine_call.start(job, Reason.of(R.ENGINE_STARTED_IT))
