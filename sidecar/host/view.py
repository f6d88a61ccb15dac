"""A container's processes in the host's ``/proc``, and the end of its daemon.

A process counts as a container's only where its control group names the container:
in another namespace the same number is another process.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event

from sidecar.core.model.container import Container, Process
from sidecar.core.model.target import InstanceId

READ_S = 1.0
"""A process that has its memory locked can block the reader."""

MOST_FOLLOWED = 16
MOST_PROCESSES = 500
"""A container with more processes cannot be read here; READ_S suffices for so many."""

FILE_BYTES = 4096
"""Limit of a command line; its beginning identifies the process."""

LIST_BYTES = 64 * 1024
"""Limit of a list of children or control groups."""

_THREADS = 15
"""Index of the thread count in ``stat``, after the name, the state and the parent."""

_ENDED = (FileNotFoundError, ProcessLookupError)
_WALKS = 2
"""A process that is forked while the tree is walked may be missed once."""


class HostView:
    """core.ports.HostProcesses; ``close`` it in the loop that uses it.

    ``on_death`` is called when the last of an instance's followed processes ended:
    the kernel reports that, at no cost in between.
    """

    def __init__(self, on_death: Callable[[InstanceId], None], proc: Path) -> None:
        self._on_death = on_death
        self._proc = proc
        self._reader = ThreadPoolExecutor(1, "proc")
        self._opening: dict[InstanceId, asyncio.Future[set[int]]] = {}
        self._followed: dict[InstanceId, set[int]] = {}

    async def processes(self, container: Container) -> tuple[Process, ...] | None:
        """The container's processes; None: they cannot be seen from here."""
        loop = asyncio.get_running_loop()
        given_up = Event()
        try:
            async with asyncio.timeout(READ_S):
                return await loop.run_in_executor(
                    self._reader, self._read, container, given_up
                )
        except (OSError, ValueError, TimeoutError):
            return None
        finally:
            given_up.set()

    def follow(
        self, instance_id: InstanceId, container: Container, pids: tuple[int, ...]
    ) -> None:
        """Report the end of these processes, instead of those followed before."""
        self._unfollow(instance_id)
        if not pids or len(pids) > MOST_FOLLOWED:
            return
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(
            self._reader, self._open_pidfds, pids, container.id
        )
        self._opening[instance_id] = opening
        opening.add_done_callback(partial(self._watch, instance_id))

    def follows(self, instance_id: InstanceId) -> bool:
        """Is the end of the instance's processes reported at once?"""
        return instance_id in self._followed

    def close(self) -> None:
        """Stop following all processes."""
        for instance_id in (*self._opening, *self._followed):
            self._unfollow(instance_id)
        self._reader.shutdown(wait=False)

    def _watch(
        self, instance_id: InstanceId, opening: "asyncio.Future[set[int]]"
    ) -> None:
        failed = opening.cancelled() or opening.exception() is not None
        fds = set() if failed else opening.result()
        if self._opening.get(instance_id) is not opening:
            _close_fds(fds)
            return
        del self._opening[instance_id]
        if not fds:
            return
        self._followed[instance_id] = fds
        for fd in fds:
            asyncio.get_running_loop().add_reader(
                fd, self._note_process_end, instance_id, fd
            )

    def _note_process_end(self, instance_id: InstanceId, fd: int) -> None:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        remaining_fds = self._followed[instance_id]
        remaining_fds.discard(fd)
        if not remaining_fds:
            del self._followed[instance_id]
            self._on_death(instance_id)

    def _unfollow(self, instance_id: InstanceId) -> None:
        self._opening.pop(instance_id, None)
        fds = self._followed.pop(instance_id, set())
        for fd in fds:
            asyncio.get_running_loop().remove_reader(fd)
        _close_fds(fds)

    def _open_pidfds(self, pids: tuple[int, ...], container_id: str) -> set[int]:
        """Descriptors of all; none where one ended or is another container's."""
        fds = {fd for pid in pids if (fd := self._open_pidfd(pid, container_id))}
        if len(fds) == len(pids):
            return fds
        _close_fds(fds)
        return set()

    def _open_pidfd(self, pid: int, container_id: str) -> int | None:
        """Open first, then read: the reading is of this process, or it has ended."""
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return None
        if not self._belongs_to(pid, container_id):
            os.close(fd)
            return None
        return fd

    def _belongs_to(self, pid: int, container_id: str) -> bool:
        try:
            groups = _read_beginning(self._proc / str(pid) / "cgroup", LIST_BYTES)
        except OSError:
            return False
        return container_id in groups.decode(errors="replace")

    def _read(
        self, container: Container, given_up: Event
    ) -> tuple[Process, ...] | None:
        """The container's main process, its siblings, and all their descendants.

        A command of exec is a child of the same process of the engine. None: there
        are too many, or the caller no longer waits.
        """
        if container.pid <= 0:
            return None
        processes: dict[int, Process] = {}
        for _ in range(_WALKS):
            parent = self._process(container.pid).ppid
            waiting = self._siblings(parent, container, given_up)
            if container.pid not in waiting:
                return None
            while waiting:
                pid = waiting.pop()
                try:
                    processes[pid] = self._process(pid)
                except _ENDED:
                    continue
                if given_up.is_set() or len(processes) > MOST_PROCESSES:
                    return None
                waiting += self._children(pid, given_up)
        return tuple(processes.values())

    def _siblings(
        self, parent: int, container: Container, given_up: Event
    ) -> list[int]:
        return [
            pid
            for pid in self._children(parent, given_up)
            if not given_up.is_set() and self._belongs_to(pid, container.id)
        ]

    def _children(self, pid: int, given_up: Event) -> list[int]:
        """Children of all threads of a process; threads come and go meanwhile."""
        children: list[int] = []
        try:
            threads = os.scandir(self._proc / str(pid) / "task")
        except _ENDED:
            return children
        with threads, suppress(*_ENDED):
            for thread in threads:
                if given_up.is_set():
                    break
                with suppress(*_ENDED):
                    children += _read_ids(Path(thread.path) / "children")
        return children

    def _process(self, pid: int) -> Process:
        folder = self._proc / str(pid)
        stat = _read_beginning(folder / "stat", FILE_BYTES).decode(errors="replace")
        name, _, rest = stat.partition("(")[2].rpartition(")")
        state, ppid, *more = rest.split()
        if int(more[_THREADS]) > 1:
            state += "l"
        line = _read_beginning(folder / "cmdline", FILE_BYTES)
        words = line.decode(errors="replace").split("\0")
        command = " ".join(word for word in words if word) or f"[{name}]"
        return Process(pid, int(ppid), state, command)


def _read_beginning(path: Path, most: int) -> bytes:
    """The first bytes of a file, which may be of any length."""
    with path.open("rb") as file:
        return file.read(most)


def _read_ids(path: Path) -> list[int]:
    content = _read_beginning(path, LIST_BYTES)
    if len(content) == LIST_BYTES:
        raise ValueError("too many children")
    return [int(pid) for pid in content.split()]


def _close_fds(fds: set[int]) -> None:
    for fd in fds:
        os.close(fd)
