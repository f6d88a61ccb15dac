"""Probe ``exec``: does a command in the container succeed?"""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult, probe_success
from sidecar.core.model.probe_settings import ExecProbe
from sidecar.core.ports.engine import CommandTimeout
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.probes.context import ProbeContext
from sidecar.probes.failure import probe_failed
from sidecar.probes.text import last_line

# The shell's exit codes for "cannot be run" and "not found"; Docker uses them, too.
_NOT_RUNNABLE = frozenset({126, 127})


async def probe(
    settings: ExecProbe, container: Container, tools: ProbeContext
) -> ProbeResult:
    """Run the command; exit status 0 is success."""
    try:
        result = await tools.engine.execute(
            container.id, settings.command, settings.timeout_s
        )
    except CommandTimeout as error:
        raise probe_failed(
            Cause.HUNG, Reason.of(R.COMMAND_TOO_SLOW, seconds=settings.timeout_s)
        ) from error
    if result.exit_code == 0:
        return probe_success()
    output, exit_code = last_line(result.output), result.exit_code
    if exit_code in _NOT_RUNNABLE:
        reason = Reason.of(R.COMMAND_NOT_RUNNABLE_SILENTLY)
        if output:
            reason = Reason.of(R.COMMAND_NOT_RUNNABLE, said=output)
        raise probe_failed(Cause.MISCONFIGURED, reason)
    reason = Reason.of(R.COMMAND_FAILED_SILENTLY, exit_code=exit_code)
    if output:
        reason = Reason.of(R.COMMAND_FAILED, exit_code=exit_code, said=output)
    raise probe_failed(Cause.COMMAND_FAILED, reason)
