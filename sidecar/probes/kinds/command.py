"""Does a command in the container succeed?"""

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult, probe_success
from sidecar.core.model.probe_settings import ExecProbe
from sidecar.core.ports.engine import CommandTimeout
from sidecar.probes.context import ProbeContext
from sidecar.probes.failure import probe_failed
from sidecar.probes.text import last_line

# The shell's words for "cannot be run" and "not found", which Docker uses too.
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
            Cause.HUNG, f"the command did not end within {settings.timeout_s:.1f} s"
        ) from error
    if result.exit_code == 0:
        return probe_success()
    said = last_line(result.output) or "and said nothing"
    if result.exit_code in _NOT_RUNNABLE:
        raise probe_failed(Cause.MISCONFIGURED, f"the command cannot be run: {said}")
    raise probe_failed(
        Cause.COMMAND_FAILED, f"the command exited with {result.exit_code}: {said}"
    )
