"""Let a stopped process (state T) go on, so that it can be asked to stop."""

from sidecar.core.ports.engine import EngineError
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.remedies.remedy_context import RemedyContext
from sidecar.remedies.stopped_processes import find_stopped_processes

SIGNAL = "SIGCONT"
ALL_PROCESSES = ("sh", "-c", "kill -CONT -1")
"""An init passes the signal on to the daemon; a wrapper script keeps it for itself."""

COMMAND_S = 5.0


async def continue_processes(job: RemedyContext) -> bool:
    """Continue the container's processes; does none stay stopped?

    Where the engine refuses both ways, they stay as they are.
    """
    job.tell(Reason.of(R.CONTINUED))
    return await _by_signal(job) or await _by_command(job)


async def _by_signal(job: RemedyContext) -> bool:
    try:
        await job.engine.signal(job.container.id, SIGNAL)
    except EngineError:
        return False
    return await _goes_on(job)


async def _by_command(job: RemedyContext) -> bool:
    try:
        await job.engine.execute(job.container.id, ALL_PROCESSES, COMMAND_S)
    except EngineError:
        return False
    return await _goes_on(job)


async def _goes_on(job: RemedyContext) -> bool:
    seen = await find_stopped_processes(job.engine, job.container, job.sight)
    return seen is None or not seen.stopped
