"""Preparation of a drill: can the fault be made and undone, and what will undo it?

Nothing is changed here.
"""

from collections.abc import Iterable

from sidecar.core.model.container import Container
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import CutNetwork, DrillUndo
from sidecar.core.ports.drills import DrillEngine
from sidecar.core.ports.engine import EngineError
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.network_reach import find_surroundings, own_networks
from sidecar.core.status.process_inspection import processes_of_container
from sidecar.drills.drill_tools import (
    COMMAND_S,
    DrillRefused,
    DrillTools,
    inspect_run,
)

CONTINUE_ALL = ("sh", "-c", "kill -CONT -1")

_ENDS_RUN = frozenset({DrillFault.KILL, DrillFault.STOP})


async def prepare_drill(
    tools: DrillTools,
    fault: DrillFault,
    container: Container,
    stack: Iterable[Container],
) -> DrillUndo:
    """The undo of the fault. DrillRefused: the fault cannot be made, or not be undone.

    ``stack``: the stack's containers, by which Sidecar's own networks are found.
    """
    undo = DrillUndo(container.run, container.name)
    if fault.rule.on_connections:
        return undo
    if tools.calls is None:
        raise DrillRefused(Reason.of(R.DRILL_IN_SWARM))
    try:
        fresh = await inspect_run(tools, container.run)
        await tools.calls.check_calls(fault)
        if fault is DrillFault.HANG:
            by_command = await _needs_command(tools, fresh)
            return DrillUndo(fresh.run, fresh.name, by_command=by_command)
        if fault is DrillFault.NETCUT:
            networks = await _shared_networks(tools, tools.calls, fresh, stack)
            return DrillUndo(fresh.run, fresh.name, networks)
        if fault in _ENDS_RUN and (await tools.calls.examine(fresh.id)).vanishes:
            raise DrillRefused(Reason.of(R.REMOVED_AT_STOP))
    except EngineError as error:
        reason = Reason.of(R.DRILL_REFUSED_BY_ENGINE, said=str(error))
        raise DrillRefused(reason) from error
    return undo


async def _shared_networks(
    tools: DrillTools,
    calls: DrillEngine,
    container: Container,
    stack: Iterable[Container],
) -> tuple[CutNetwork, ...]:
    """The container's networks that Sidecar is on; all, where Sidecar is on the host.

    A container on the network of the host or of another one has none of its own, and
    that of a container whose network Sidecar uses is Sidecar's as well.
    """
    own = await tools.own()
    if own is not None and own.network_mode == f"container:{container.id}":
        raise DrillRefused(Reason.of(R.DRILL_NO_NETWORK))
    ours = own_networks(find_surroundings(own, stack))
    networks = (await calls.examine(container.id)).networks
    shared = tuple(
        network
        for network in networks
        if network.name in container.networks - {"host", "none"}
        and (ours is None or network.name in ours)
    )
    if not shared:
        raise DrillRefused(Reason.of(R.DRILL_NO_NETWORK))
    return shared


async def _needs_command(tools: DrillTools, container: Container) -> bool:
    """Must the processes be stopped by a command in the container?

    A signal of the engine reaches the main process alone, which may only wait for
    others. The undo's command is tried: it changes nothing.
    """
    processes = await tools.engine.processes(container.id)
    if len(processes_of_container(processes, container)) <= 1:
        return False
    try:
        result = await tools.engine.execute(container.id, CONTINUE_ALL, COMMAND_S)
    except EngineError as error:
        raise DrillRefused(Reason.of(R.DRILL_NOT_STOPPED, said=str(error))) from error
    if result.exit_code != 0:
        said = tools.quote(result.output)
        raise DrillRefused(Reason.of(R.DRILL_NOT_STOPPED, said=said))
    return True
