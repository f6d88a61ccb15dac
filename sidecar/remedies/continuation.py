"""Let a stopped process (state T) go on, so that it can be asked to stop."""

from sidecar.core.ports.engine import EngineError
from sidecar.remedies.job import Job
from sidecar.remedies.look import look_into

SIGNAL = "SIGCONT"
ALL_PROCESSES = ("sh", "-c", "kill -CONT -1")
"""An init passes the signal on to the daemon; a wrapper script keeps it for itself."""

COMMAND_S = 5.0


async def continue_processes(job: Job) -> bool:
    """Continue the container's processes; does none stay stopped?

    Where the engine refuses both ways, they stay as they are.
    """
    job.tell("a process of it is stopped: it is continued, to be asked to stop")
    return await _by_signal(job) or await _by_command(job)


async def _by_signal(job: Job) -> bool:
    try:
        await job.engine.signal(job.container.id, SIGNAL)
    except EngineError:
        return False
    return await _goes_on(job)


async def _by_command(job: Job) -> bool:
    try:
        await job.engine.execute(job.container.id, ALL_PROCESSES, COMMAND_S)
    except EngineError:
        return False
    return await _goes_on(job)


async def _goes_on(job: Job) -> bool:
    seen = await look_into(job.engine, job.container, job.sight)
    return seen is None or not seen.stopped
