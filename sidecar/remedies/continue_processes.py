"""Continue a stopped process (state T), so that it can be asked to stop."""

from sidecar.core.ports.engine import EngineError
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.remedies.remedy_context import RemedyContext
from sidecar.remedies.stopped_processes import find_stopped_processes

SIGNAL = "SIGCONT"
ALL_PROCESSES = ("sh", "-c", "kill -CONT -1")
"""Used where PID 1 is a wrapper script: it does not forward the signal to the daemon.
"""

COMMAND_S = 5.0


async def continue_processes(job: RemedyContext) -> bool:
    """Continue the container's processes; True if none is stopped afterwards.

    If the engine refuses both ways, they stay stopped.
    """
    job.tell(Reason.of(R.CONTINUED))
    return await _send_signal(job) or await _run_kill_command(job)


async def _send_signal(job: RemedyContext) -> bool:
    try:
        await job.engine.signal(job.container.id, SIGNAL)
    except EngineError:
        return False
    return await _has_no_stopped_process(job)


async def _run_kill_command(job: RemedyContext) -> bool:
    try:
        await job.engine.execute(job.container.id, ALL_PROCESSES, COMMAND_S)
    except EngineError:
        return False
    return await _has_no_stopped_process(job)


async def _has_no_stopped_process(job: RemedyContext) -> bool:
    findings = await find_stopped_processes(job.engine, job.container, job.host)
    return findings is None or not findings.stopped
