"""Signs of a full disk: words of programs, and the space on a container's mounts."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

DISK_PROBE = ("sh", "-c", "grep -E ' ro[, ]' /proc/mounts; df -P -k")
"""Command that writes what ``find_full_mount`` reads; it changes nothing.

The space comes last: the engine adapter keeps the end of a long output.
"""

FULL_SHARE = 0.01
FULL_KIB = 64 * 1024
"""A mount is full with less than this free, and less than the share of its size."""
LEAST_KIB = 4
"""A mount with less than this free is full in any case: one block."""

_WORDS = re.compile(
    r"no space left on device|\bENOSPC\b|disk quota exceeded|\bEDQUOT\b"
    r"|database or disk is full|\bdisk full\b|not enough space on the disk",
    re.IGNORECASE,
)
_FIELDS = 6


def says_disk_full(text: str) -> bool:
    """Does a text of a program say that a disk, or a quota of it, is full?"""
    return _WORDS.search(text) is not None


def last_disk_full_line(log: str, since_wall: float) -> str:
    """The last line of a log that says it, not older than ``since_wall``; or ''.

    Each line begins with its time. A line without one has the time of the line before.
    """
    last, stamp = "", 0.0
    for line in log.splitlines():
        time_text, _, text = line.partition(" ")
        own_stamp = _read_stamp(time_text)
        stamp = stamp if own_stamp is None else own_stamp
        if stamp >= since_wall and says_disk_full(line):
            last = text if own_stamp is not None else line
    return last


def _read_stamp(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None


class MountSpace(NamedTuple):
    """Space of one mount, in KiB."""

    path: str
    size_kib: int
    free_kib: int

    @property
    def is_full(self) -> bool:
        """Is so little free that a program may have failed to write?"""
        least_kib = min(self.size_kib * FULL_SHARE, FULL_KIB)
        return self.free_kib < max(least_kib, LEAST_KIB)


def find_full_mount(output: str) -> MountSpace | None:
    """The fullest mount that is full, by the output of DISK_PROBE; None: none is.

    Mounts that cannot be written are left out. ValueError: the output has no mount.
    """
    lines = [line.split() for line in output.splitlines()]
    read_only = frozenset(_read_only_paths(lines))
    spaces = list(_spaces(lines))
    if not spaces:
        raise ValueError("no mount in the output of df")
    full = [s for s in spaces if s.is_full and s.path not in read_only]
    return min(full, key=lambda s: (s.free_kib, s.path), default=None)


def _spaces(lines: Sequence[Sequence[str]]) -> Iterator[MountSpace]:
    """A line of df: device, size, used, available, capacity, path."""
    for fields in lines:
        if len(fields) != _FIELDS or not fields[4].endswith("%"):
            continue
        size, free = fields[1], fields[3]
        if size.isdecimal() and free.isdecimal() and int(size) > 0:
            yield MountSpace(fields[5], int(size), int(free))


def _read_only_paths(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line of /proc/mounts: device, path, type, options, two numbers."""
    for fields in lines:
        if len(fields) == _FIELDS and "ro" in fields[3].split(","):
            yield fields[1]
