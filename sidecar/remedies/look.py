"""Look for stopped processes in a container that gives no answer."""

from sidecar.core.container import Container, Process
from sidecar.core.ports import Engine, EngineError


async def stopped_processes(engine: Engine, container: Container) -> tuple[str, ...]:
    """Names of the container's own processes that are stopped (state T).

    A traced process (state t) is not, and what an operator runs with exec is not
    the container's own. () where the engine does not say.
    """
    try:
        processes = await engine.processes(container.id)
    except EngineError:
        return ()
    return tuple(
        _name(process.command)
        for process in own(processes, container)
        if process.stat.startswith("T")
    )


def own(processes: tuple[Process, ...], container: Container) -> tuple[Process, ...]:
    """The main process and what came of it; not what was run with exec."""
    pids = _descendants(processes, container.pid)
    return tuple(process for process in processes if process.pid in pids)


def _descendants(processes: tuple[Process, ...], root: int) -> set[int]:
    found = {root}
    grew = True
    while grew:
        children = {p.pid for p in processes if p.ppid in found} - found
        found |= children
        grew = bool(children)
    return found


def _name(command: str) -> str:
    """The program alone: its arguments may hold secrets."""
    return command.split(maxsplit=1)[0].rsplit("/", 1)[-1] if command.strip() else "?"
