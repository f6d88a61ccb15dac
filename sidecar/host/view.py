"""What the host's ``/proc`` tells of a container, and when its daemon has ended.

A process is believed to be a container's only where its control group names the
container: in another namespace the same number is another process.
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
"""A process that holds its memory locked can keep its reader waiting."""

MOST_FOLLOWED = 16
MOST_PROCESSES = 500
"""Of a container that has more, the processes are not seen from here; READ_S is enough
for so many.
"""

FILE_BYTES = 4096
"""Of a command line; what a process is told by stands at its beginning."""

LIST_BYTES = 64 * 1024
"""Of a list of children or control groups."""

_THREADS = 15
"""Where their number stands in ``stat``, after the name, the state and the parent."""

_ENDED = (FileNotFoundError, ProcessLookupError)
_WALKS = 2
"""A process that is forked while the tree is walked may be missed once."""


class HostView:
    """core.ports.Sight; ``close`` it in the loop that uses it.

    ``on_death`` is told when the last of an instance's followed processes has ended:
    the kernel tells that, at no cost in between.
    """

    def __init__(self, on_death: Callable[[InstanceId], None], proc: Path) -> None:
        self._on_death = on_death
        self._proc = proc
        self._reader = ThreadPoolExecutor(1, "proc")
        self._opening: dict[InstanceId, asyncio.Future[set[int]]] = {}
        self._followed: dict[InstanceId, set[int]] = {}

    async def processes(self, container: Container) -> tuple[Process, ...] | None:
        """What runs in the container; None: that cannot be seen from here."""
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
        self, who: InstanceId, container: Container, pids: tuple[int, ...]
    ) -> None:
        """Tell when these have ended, instead of those that were followed before."""
        self._leave(who)
        if not pids or len(pids) > MOST_FOLLOWED:
            return
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(self._reader, self._open, pids, container.id)
        self._opening[who] = opening
        opening.add_done_callback(partial(self._watch, who))

    def follows(self, who: InstanceId) -> bool:
        """Is it known at once when the instance's processes end?"""
        return who in self._followed

    def close(self) -> None:
        """Follow nothing any more."""
        for who in (*self._opening, *self._followed):
            self._leave(who)
        self._reader.shutdown(wait=False)

    def _watch(self, who: InstanceId, opening: "asyncio.Future[set[int]]") -> None:
        failed = opening.cancelled() or opening.exception() is not None
        opened = set() if failed else opening.result()
        if self._opening.get(who) is not opening:
            _close(opened)
            return
        del self._opening[who]
        if not opened:
            return
        self._followed[who] = opened
        for fd in opened:
            asyncio.get_running_loop().add_reader(fd, self._ended, who, fd)

    def _ended(self, who: InstanceId, fd: int) -> None:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        left = self._followed[who]
        left.discard(fd)
        if not left:
            del self._followed[who]
            self._on_death(who)

    def _leave(self, who: InstanceId) -> None:
        self._opening.pop(who, None)
        opened = self._followed.pop(who, set())
        for fd in opened:
            asyncio.get_running_loop().remove_reader(fd)
        _close(opened)

    def _open(self, pids: tuple[int, ...], container_id: str) -> set[int]:
        """All of them; none where one has ended, or is another's."""
        opened = {fd for pid in pids if (fd := self._opened(pid, container_id))}
        if len(opened) == len(pids):
            return opened
        _close(opened)
        return set()

    def _opened(self, pid: int, container_id: str) -> int | None:
        """Opened first: what is then read is of this process, or it has ended."""
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return None
        if not self._is_of(pid, container_id):
            os.close(fd)
            return None
        return fd

    def _is_of(self, pid: int, container_id: str) -> bool:
        try:
            groups = _begins(self._proc / str(pid) / "cgroup", LIST_BYTES)
        except OSError:
            return False
        return container_id in groups.decode(errors="replace")

    def _read(
        self, container: Container, given_up: Event
    ) -> tuple[Process, ...] | None:
        """All that the container's main process and its siblings came to.

        What is run with exec is a child of the same process of the engine's. None:
        there are too many, or nobody waits for them any more.
        """
        if container.pid <= 0:
            return None
        found: dict[int, Process] = {}
        for _ in range(_WALKS):
            parent = self._process(container.pid).ppid
            waiting = self._siblings(parent, container, given_up)
            if container.pid not in waiting:
                return None
            while waiting:
                pid = waiting.pop()
                try:
                    found[pid] = self._process(pid)
                except _ENDED:
                    continue
                if given_up.is_set() or len(found) > MOST_PROCESSES:
                    return None
                waiting += self._children(pid, given_up)
        return tuple(found.values())

    def _siblings(
        self, parent: int, container: Container, given_up: Event
    ) -> list[int]:
        return [
            pid
            for pid in self._children(parent, given_up)
            if not given_up.is_set() and self._is_of(pid, container.id)
        ]

    def _children(self, pid: int, given_up: Event) -> list[int]:
        """Of all its threads, which come and go: each has children of its own."""
        found: list[int] = []
        try:
            threads = os.scandir(self._proc / str(pid) / "task")
        except _ENDED:
            return found
        with threads, suppress(*_ENDED):
            for thread in threads:
                if given_up.is_set():
                    break
                with suppress(*_ENDED):
                    found += _ids(Path(thread.path) / "children")
        return found

    def _process(self, pid: int) -> Process:
        folder = self._proc / str(pid)
        stat = _begins(folder / "stat", FILE_BYTES).decode(errors="replace")
        name, _, rest = stat.partition("(")[2].rpartition(")")
        state, ppid, *more = rest.split()
        if int(more[_THREADS]) > 1:
            state += "l"
        line = _begins(folder / "cmdline", FILE_BYTES)
        words = line.decode(errors="replace").split("\0")
        command = " ".join(word for word in words if word) or f"[{name}]"
        return Process(pid, int(ppid), state, command)


def _begins(path: Path, most: int) -> bytes:
    """The first bytes of a file, which may be of any length."""
    with path.open("rb") as file:
        return file.read(most)


def _ids(path: Path) -> list[int]:
    listed = _begins(path, LIST_BYTES)
    if len(listed) == LIST_BYTES:
        raise ValueError("too many children")
    return [int(pid) for pid in listed.split()]


def _close(opened: set[int]) -> None:
    for fd in opened:
        os.close(fd)
