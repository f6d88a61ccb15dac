"""Classification of a container's processes: working, waiting or stopped.

A container may go on when its daemon has died: its main process is a wrapper script or
a supervisor, which serves nobody. A process that is not known to wait is taken to work,
so that a living daemon is never called gone.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from sidecar.core.model.container import Container, Process

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh"})
_WAITING = frozenset({"sleep", "tail", "cat"})
"""Programs that a wrapper script uses to wait."""

_INITS = frozenset(
    {
        "catatonit",
        "docker-init",
        "dumb-init",
        "runsv",
        "runsvdir",
        "s6-supervise",
        "s6-svscan",
        "supervisord",
        "tini",
    }
)
"""Programs that supervise other processes and serve nobody."""

_INTERPRETERS = ("python", "perl", "ruby")
_FOLLOWS = frozenset({"-f", "-F", "--follow"})
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class ProcessFindings(NamedTuple):
    """Findings of one inspection of a container's processes.

    ``stopped``: names of the container's own processes in state T. ``is_idle``: none
    of its own processes works, or could boot. ``serves``: one of them works, and no
    shell could be the server instead. ``working``: their process ids.
    ``waits_s``: all living processes only wait, at least for that time; None: a process
    works, or that is not known.
    """

    stopped: tuple[str, ...] = ()
    is_idle: bool = False
    serves: bool = False
    waits_s: float | None = None
    working: tuple[int, ...] = ()


def judge_processes(
    processes: tuple[Process, ...], container: Container
) -> ProcessFindings:
    """Classify the processes; no findings if the main process is not among them."""
    living = [process for process in processes if not _is_dead(process)]
    if all(process.pid != container.pid for process in living):
        return ProcessFindings()
    own = processes_of_container(processes, container)
    working = find_working(processes, container)
    is_deserted = not any(map(_is_working, living))
    return ProcessFindings(
        find_stopped(processes, container),
        is_idle=not working,
        serves=bool(working) and not _has_bare_shell(own),
        waits_s=_waits_s(living) if is_deserted else None,
        working=working,
    )


def find_stopped(
    processes: tuple[Process, ...], container: Container
) -> tuple[str, ...]:
    """Names of the container's own processes that are stopped (state T).

    A traced process (state t) is not stopped, and a process of an operator's exec is
    not the container's own.
    """
    return tuple(
        program_name(process.command)
        for process in processes_of_container(processes, container)
        if process.stat.startswith("T")
    )


def find_working(
    processes: tuple[Process, ...], container: Container
) -> tuple[int, ...]:
    """The ids of the container's own processes that work, or could boot."""
    return tuple(
        p.pid for p in processes_of_container(processes, container) if _is_working(p)
    )


def processes_of_container(
    processes: tuple[Process, ...], container: Container
) -> tuple[Process, ...]:
    """The main process and its descendants; not processes of exec."""
    pids = _descendants(processes, container.pid)
    return tuple(process for process in processes if process.pid in pids)


def program_name(command: str) -> str:
    """The program without its arguments, which may contain secrets."""
    return _base_name(command.split(maxsplit=1)[0]) if command.strip() else "?"


def _descendants(processes: tuple[Process, ...], root: int) -> set[int]:
    pids = {root}
    grew = True
    while grew:
        children = {p.pid for p in processes if p.ppid in pids} - pids
        pids |= children
        grew = bool(children)
    return pids


def _is_dead(process: Process) -> bool:
    """Is it a zombie? With state Zl only its first thread has ended."""
    return process.stat.startswith("Z") and "l" not in process.stat


def _is_working(process: Process) -> bool:
    if _is_dead(process):
        return False
    return _program_role(process.command) not in _SHELLS | _WAITING | _INITS


def _program_role(command: str) -> str:
    """The program name; for a supervisor that is a script, the script's name."""
    name = program_name(command)
    if not name.startswith(_INTERPRETERS):
        return name
    arguments = command.split()[1:]
    script = next((a for a in arguments if not a.startswith("-")), "")
    return _base_name(script) if _base_name(script) in _INITS else name


def _base_name(path: str) -> str:
    return path.rsplit("/", 1)[-1].removeprefix("-") or "?"


def _has_bare_shell(processes: Iterable[Process]) -> bool:
    """Is there a shell without a child? It waits for none, and may serve by itself."""
    return any(
        _program_role(process.command) in _SHELLS for process in _leaves(processes)
    )


def _leaves(processes: Iterable[Process]) -> list[Process]:
    living = [process for process in processes if not _is_dead(process)]
    parents = {process.ppid for process in living}
    return [process for process in living if process.pid not in parents]


def _waits_s(living: list[Process]) -> float:
    return min(_wait_s(process.command) for process in _leaves(living))


def _wait_s(command: str) -> float:
    """Waiting time of a command by its arguments; 0: not known."""
    program, *arguments = command.split()
    if _base_name(program) == "tail":
        return math.inf if _FOLLOWS & set(arguments) else 0.0
    if _base_name(program) == "sleep" and arguments:
        return sum(map(_duration_s, arguments))
    return 0.0


def _duration_s(text: str) -> float:
    unit = _SECONDS.get(text[-1:])
    try:
        seconds = float(text if unit is None else text[:-1]) * (unit or 1.0)
    except ValueError:
        return 0.0
    return seconds if seconds >= 0 else 0.0
