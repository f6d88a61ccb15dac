"""CPU and memory of processes, from /proc. Needs root for others' processes."""

import os
from pathlib import Path
from typing import NamedTuple

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 11, 12, 13, 14
_PARENT = 1


class Cpu(NamedTuple):
    """User and system seconds; ``children``: of those that ended, waited for."""

    own: float
    children: float

    @property
    def total(self) -> float:
        """Own seconds and those of the children."""
        return self.own + self.children


class Memory(NamedTuple):
    """Resident megabytes (2**20); ``pss`` shares out what several processes map."""

    rss: float
    pss: float


def cpu(pid: int) -> Cpu:
    """CPU seconds of a process since its start."""
    fields = _stat(pid)
    return Cpu(
        (int(fields[_USER]) + int(fields[_SYSTEM])) * _TICK_S,
        (int(fields[_CHILDREN_USER]) + int(fields[_CHILDREN_SYSTEM])) * _TICK_S,
    )


def memory(pid: int) -> Memory:
    """Memory of a process now."""
    sizes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        sizes[name] = int(size)
    return Memory(sizes["Rss:"] / 1024, sizes["Pss:"] / 1024)


def tree(root: int) -> tuple[int, ...]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        try:
            children.setdefault(int(_stat(pid)[_PARENT]), []).append(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    pids, pending = [], [root]
    while pending:
        pid = pending.pop()
        pids.append(pid)
        pending += children.get(pid, [])
    return tuple(pids)


def parent(pid: int) -> int:
    """Process id of a process's parent."""
    return int(_stat(pid)[_PARENT])


def find_by_name(name: str) -> tuple[int, ...]:
    """All processes with this short name."""
    return tuple(pid for pid in _pids() if _name(pid) == name)


def command(pid: int) -> str:
    """The command line, spaces between its parts; "" where it ended."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def _pids() -> list[int]:
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
