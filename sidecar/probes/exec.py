"""Does a command in the container succeed?"""

from sidecar.core.container import Container
from sidecar.core.outcome import Cause, Outcome, success
from sidecar.core.ports import CommandTimeout
from sidecar.core.target import ExecProbe
from sidecar.probes.text import last_line
from sidecar.probes.tools import Tools
from sidecar.probes.trouble import trouble

# The shell's words for "cannot be run" and "not found", which Docker uses too.
_NOT_RUNNABLE = frozenset({126, 127})


async def probe(settings: ExecProbe, container: Container, tools: Tools) -> Outcome:
    """Run the command; exit status 0 is success."""
    try:
        result = await tools.engine.execute(
            container.id, settings.command, settings.timeout_s
        )
    except CommandTimeout as error:
        raise trouble(
            Cause.HUNG, f"the command did not end within {settings.timeout_s:.1f} s"
        ) from error
    if result.exit_code == 0:
        return success()
    said = last_line(result.output) or "and said nothing"
    if result.exit_code in _NOT_RUNNABLE:
        raise trouble(Cause.MISCONFIGURED, f"the command cannot be run: {said}")
    raise trouble(
        Cause.COMMAND_FAILED, f"the command exited with {result.exit_code}: {said}"
    )
