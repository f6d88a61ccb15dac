"""Look into a container that gives no answer: what lives in it, and what is stopped."""

from typing import NamedTuple

from sidecar.core.container import Container, Process
from sidecar.core.ports import Engine, EngineError

_WAITING_PROGRAMS = frozenset({"sleep", "tail", "cat", "sh", "bash", "dash", "ash"})
"""A wrapper script, and what it waits with."""


class Seen(NamedTuple):
    """``stopped``: names of the container's own processes in state T. ``is_idle``:
    nothing lives in it but its main process, and what that waits with.
    """

    stopped: tuple[str, ...] = ()
    is_idle: bool = False


async def look_into(engine: Engine, container: Container) -> Seen:
    """Ask for the processes once; an empty ``Seen`` where the engine does not say."""
    try:
        processes = await engine.processes(container.id)
    except EngineError:
        return Seen()
    return Seen(find_stopped(processes, container), is_idle(processes, container))


def find_stopped(
    processes: tuple[Process, ...], container: Container
) -> tuple[str, ...]:
    """Names of the container's own processes that are stopped (state T).

    A traced process (state t) is not, and what an operator runs with exec is not
    the container's own.
    """
    return tuple(
        _name(process.command)
        for process in own(processes, container)
        if process.stat.startswith("T")
    )


def is_idle(processes: tuple[Process, ...], container: Container) -> bool:
    """Is there no process that works, or could boot?

    A process that has children only waits for them; where the main process has none
    it is the program itself.
    """
    living = [p for p in own(processes, container) if not p.stat.startswith("Z")]
    parents = {process.ppid for process in living}
    leaves = [process for process in living if process.pid not in parents]
    working = [p for p in leaves if _name(p.command) not in _WAITING_PROGRAMS]
    return bool(living) and not working


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
