"""Troubles of the host by its measurements: a full disk, and overload.

Each has two thresholds and a duration: one peak is no trouble, and a value near a
threshold does not begin and end a trouble in turn.
"""

from sidecar.core.model.host_status import (
    DiskSpace,
    HostMeasurement,
    HostStatus,
    Trouble,
)
from sidecar.core.model.moment import Moment
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

STALE_S = 120.0
"""Age at which a measurement says nothing about now."""
DISK_LASTS_S = 25.0
OVERLOAD_LASTS_S = 120.0
"""A trouble counts once it was measured for this long, without a gap."""

MIB = 1024.0 * 1024.0
DISK_FULL_MIB, DISK_FREE_MIB = 16.0, 64.0
DISK_FREE_FILES = 1000.0
STOLEN, STOLEN_STILL = 50.0, 25.0
MEMORY_MINUTE, MEMORY_FIVE_MINUTES, MEMORY_STILL = 40.0, 20.0, 20.0
CPU, CPU_STILL = 95.0, 80.0
LOAD_PER_CORE, LOAD_STILL = 20.0, 10.0


def update_host(
    status: HostStatus, measurement: HostMeasurement, at: Moment
) -> HostStatus:
    """The status after a measurement."""
    is_stale = is_out_of_date(status, at)
    disk = None if is_stale else status.disk
    overload = None if is_stale else status.overload
    return HostStatus(
        _next(disk, _describe_disk(measurement, disk), DISK_LASTS_S, at),
        _next(
            overload, _describe_overload(measurement, overload), OVERLOAD_LASTS_S, at
        ),
        at.mono,
    )


def is_out_of_date(status: HostStatus, at: Moment) -> bool:
    """Is the last measurement too old, or is there none?"""
    measured_mono = status.measured_mono
    return measured_mono is None or at.mono - measured_mono > STALE_S


def find_full_disk(status: HostStatus, at: Moment) -> Reason:
    """The reason to call Sidecar's own disk full now; NO_REASON: it is not known."""
    return _certain_reason(status.disk, status, at)


def find_overload(status: HostStatus, at: Moment) -> Reason:
    """The reason to call the host overloaded now; NO_REASON: it is not known."""
    return _certain_reason(status.overload, status, at)


def _certain_reason(trouble: Trouble | None, status: HostStatus, at: Moment) -> Reason:
    if trouble is None or not trouble.is_certain or is_out_of_date(status, at):
        return NO_REASON
    return trouble.reason


def _next(
    before: Trouble | None, reason: Reason, lasts_s: float, at: Moment
) -> Trouble | None:
    if not reason:
        return None
    since_mono = at.mono if before is None else before.since_mono
    return Trouble(reason, since_mono, at.mono - since_mono >= lasts_s)


def _describe_disk(measurement: HostMeasurement, before: Trouble | None) -> Reason:
    space = measurement.disk
    if space is None:
        return NO_REASON
    least_mib = DISK_FULL_MIB if before is None else DISK_FREE_MIB
    if space.free_bytes < least_mib * MIB:
        return Reason.of(R.HOST_DISK_FULL, free_mib=round(space.free_bytes / MIB, 1))
    if _lacks_files(space, is_lasting=before is not None):
        return Reason.of(R.HOST_DISK_WITHOUT_FILES)
    return NO_REASON


def _lacks_files(space: DiskSpace, *, is_lasting: bool) -> bool:
    if space.free_files is None:
        return False
    return space.free_files < (DISK_FREE_FILES if is_lasting else 1.0)


def _describe_overload(measurement: HostMeasurement, before: Trouble | None) -> Reason:
    is_lasting = before is not None
    stolen = measurement.stolen
    if stolen is not None and stolen >= (STOLEN_STILL if is_lasting else STOLEN):
        return Reason.of(R.HOST_CPU_STOLEN, percent=stolen)
    memory = measurement.memory
    if memory is not None:
        waits = memory.minute >= MEMORY_MINUTE
        waits = waits and memory.five_minutes >= MEMORY_FIVE_MINUTES
        if waits or (is_lasting and memory.minute >= MEMORY_STILL):
            return Reason.of(R.HOST_MEMORY_SHORT, percent=memory.minute)
    if _is_cpu_short(measurement, is_lasting=is_lasting):
        return Reason.of(R.HOST_CPU_SHORT, count=round(measurement.load_per_core or 0))
    return NO_REASON


def _is_cpu_short(measurement: HostMeasurement, *, is_lasting: bool) -> bool:
    cpu, load = measurement.cpu, measurement.load_per_core
    if cpu is None or load is None:
        return False
    if is_lasting:
        return cpu.minute >= CPU_STILL and load >= LOAD_STILL
    return min(cpu.minute, cpu.five_minutes) >= CPU and load >= LOAD_PER_CORE
