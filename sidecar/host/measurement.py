"""Measurements of the host: what /proc and Sidecar's own disks say of it.

In a container /proc/stat, /proc/loadavg and /proc/pressure are those of the host, and
the disk of the container's own files is that of the engine.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sidecar.core.model.host_status import DiskSpace, HostMeasurement, Pressure

_STEAL = 7
"""Field of a line ``cpu`` of /proc/stat: time that the hypervisor gave to others."""
_COUNTED = 8
"""Number of its fields that add up to the whole time; guests are in the first two."""


class ProcessorTimes(NamedTuple):
    """Processor time since the boot, in ticks: stolen, and all."""

    stolen: int
    whole: int


class HostReader:
    """Reads the host; blocks for some microseconds, and longer if a disk is lost."""

    def __init__(self, disks: Iterable[Path], proc: Path = Path("/proc")) -> None:
        self._disks = tuple(disks)
        self._proc = proc
        self._times: ProcessorTimes | None = None

    def read(self) -> HostMeasurement:
        """One measurement; what cannot be read is None."""
        before, self._times = self._times, read_times(self._read("stat"))
        return HostMeasurement(
            disk=least_space(self._disks),
            stolen=stolen_percent(before, self._times),
            cpu=read_pressure(self._read("pressure/cpu"), "some"),
            memory=read_pressure(self._read("pressure/memory"), "full"),
            load_per_core=read_load(self._read("loadavg"), os.cpu_count() or 1),
        )

    def _read(self, name: str) -> str:
        try:
            return (self._proc / name).read_text(encoding="ascii", errors="replace")
        except OSError:
            return ""


def least_space(disks: Iterable[Path]) -> DiskSpace | None:
    """The space of the disk with the least free bytes; None: none can be read."""
    spaces = [space for disk in disks if (space := _space(disk)) is not None]
    return min(spaces, key=lambda s: s.free_bytes, default=None)


def _space(disk: Path) -> DiskSpace | None:
    try:
        space = os.statvfs(disk)
    except OSError:
        return None
    if space.f_blocks == 0:
        return None
    # A file system without a fixed number of files reports none.
    files = float(space.f_favail) if space.f_files > 0 else None
    return DiskSpace(float(space.f_bavail) * space.f_frsize, files)


def read_times(stat: str) -> ProcessorTimes | None:
    """The times of all processors together, from /proc/stat."""
    fields = stat.partition("\n")[0].split()
    if len(fields) <= _COUNTED or fields[0] != "cpu":
        return None
    numbers = fields[1 : _COUNTED + 1]
    if not all(number.isdecimal() for number in numbers):
        return None
    ticks = [int(number) for number in numbers]
    return ProcessorTimes(ticks[_STEAL], sum(ticks))


def stolen_percent(
    before: ProcessorTimes | None, now: ProcessorTimes | None
) -> float | None:
    """The stolen share of the time between two readings; None: not known."""
    if before is None or now is None or now.whole <= before.whole:
        return None
    stolen = max(0, now.stolen - before.stolen)
    return 100.0 * stolen / (now.whole - before.whole)


def read_pressure(text: str, kind: str) -> Pressure | None:
    """The line ``some`` or ``full`` of a file of /proc/pressure; None: not known."""
    for line in text.splitlines():
        name, *fields = line.split()
        values = dict(field.split("=", 1) for field in fields if "=" in field)
        if name != kind:
            continue
        try:
            return Pressure(float(values["avg60"]), float(values["avg300"]))
        except (KeyError, ValueError):
            return None
    return None


def read_load(text: str, cores: int) -> float | None:
    """The load of the last 5 min for each core, from /proc/loadavg."""
    fields = text.split()
    try:
        return float(fields[1]) / cores
    except (IndexError, ValueError):
        return None
