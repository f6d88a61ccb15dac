"""The fault of a drill is made; its undo is stored by then."""

from sidecar.core.model.container import Container
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import DrillUndo
from sidecar.core.ports.drills import DrillEngine
from sidecar.core.ports.engine import EngineRefused
from sidecar.drills.drill_tools import COMMAND_S, DrillTools, inspect_run

STOP_ALL = ("sh", "-c", "kill -STOP -1")
"""Neither PID 1 nor the command itself is stopped by it."""


async def inject_fault(tools: DrillTools, fault: DrillFault, undo: DrillUndo) -> None:
    """Make the fault. EngineError, OSError, DrillRefused; a part may then be made."""
    if fault in {DrillFault.REFUSE, DrillFault.SLOW, DrillFault.UPSTREAM}:
        tools.faults.begin(fault, undo.run)
        return
    assert tools.calls is not None, "refused in the preparation"
    container = await inspect_run(tools, undo.run)
    match fault:
        case DrillFault.KILL:
            await tools.calls.kill(container.id)
        case DrillFault.STOP:
            await tools.engine.stop(container.id, container.stop_timeout_s)
        case DrillFault.PAUSE:
            await tools.calls.pause(container.id)
        case DrillFault.HANG:
            await _stop_processes(tools, tools.calls, container, undo)
        case DrillFault.NETCUT:
            for network in undo.networks:
                await tools.calls.leave_network(container.id, network)


async def _stop_processes(
    tools: DrillTools, calls: DrillEngine, container: Container, undo: DrillUndo
) -> None:
    """Stop the main process last: it would not start commands' children otherwise."""
    if undo.by_command:
        result = await tools.engine.execute(container.id, STOP_ALL, COMMAND_S)
        if result.exit_code != 0:
            raise EngineRefused(
                f"`{STOP_ALL[-1]}` failed: {tools.quote(result.output)}"
            )
    await calls.freeze(container.id)
