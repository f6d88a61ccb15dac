"""The fault of a drill is undone: again and again, without harm, by whichever process.

What is gone needs no undo, and a newer run or container is nobody's business: it never
had the fault.
"""

import asyncio
from contextlib import suppress

from sidecar.core.model.container import Container, Status
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import DrillUndo
from sidecar.core.ports.drills import DrillEngine
from sidecar.core.ports.engine import ContainerGone, EngineRefused
from sidecar.drills.drill_tools import COMMAND_S, DrillTools
from sidecar.drills.preparation import CONTINUE_ALL

SIGNAL = "SIGCONT"
LOOK_EVERY_S = 1.0
STOP_MARGIN_S = 2.0
"""Time beyond the stop timeout in which a stop that was asked for may still end."""

_ENDED = frozenset({Status.EXITED, Status.DEAD})


async def undo_fault(tools: DrillTools, fault: DrillFault, undo: DrillUndo) -> None:
    """End the fault, if it is there. EngineError: try again."""
    tools.faults.end()
    if tools.calls is None:
        return
    with suppress(ContainerGone):
        match fault:
            case DrillFault.NETCUT:
                for network in undo.networks:
                    await tools.calls.rejoin_network(undo.run.container_id, network)
            case DrillFault.PAUSE:
                await _unpause(tools, tools.calls, undo)
            case DrillFault.HANG:
                await _continue_processes(tools, undo)
            case DrillFault.KILL | DrillFault.STOP:
                await _start(tools, undo)
            case DrillFault.REFUSE | DrillFault.SLOW | DrillFault.UPSTREAM:
                pass


async def _unpause(tools: DrillTools, calls: DrillEngine, undo: DrillUndo) -> None:
    container = await tools.engine.inspect(undo.run.container_id)
    if container.run == undo.run and container.status is Status.PAUSED:
        await calls.unpause(container.id)


async def _continue_processes(tools: DrillTools, undo: DrillUndo) -> None:
    """Continue them: SIGCONT does nothing to a process that is not stopped."""
    container = await tools.engine.inspect(undo.run.container_id)
    if container.run != undo.run:
        return
    if container.status is Status.PAUSED:
        # With the signal the engine would end that pause, which is not ours.
        raise EngineRefused("the container is paused by now; it has to be unpaused")
    if container.status is not Status.RUNNING:
        return
    await tools.engine.signal(container.id, SIGNAL)
    if undo.by_command:
        await tools.engine.execute(container.id, CONTINUE_ALL, COMMAND_S)


async def _start(tools: DrillTools, undo: DrillUndo) -> None:
    """Start the container if its run has ended, unless a newer one has its name."""
    container = await _wait_for_end(tools, undo)
    if container.run != undo.run or container.status not in _ENDED:
        return
    if container.name == undo.name:
        await tools.engine.start(container.id)


async def _wait_for_end(tools: DrillTools, undo: DrillUndo) -> Container:
    """The container once a stop under way has ended; else after the time of a stop.

    A process of Sidecar that was killed may have asked for the stop a moment ago.
    """
    container = await tools.engine.inspect(undo.run.container_id)
    until = tools.clock.now().mono + container.stop_timeout_s + STOP_MARGIN_S
    while container.run == undo.run and container.status is Status.RUNNING:
        if tools.clock.now().mono >= until:
            break
        await asyncio.sleep(LOOK_EVERY_S)
        container = await tools.engine.inspect(undo.run.container_id)
    return container
