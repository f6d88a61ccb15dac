"""The host as Sidecar sees it: its disk, its memory and its processors."""

from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.model.container import RunId
from sidecar.core.reason.reason import Reason


class DiskSpace(NamedTuple):
    """Space on a disk for an ordinary user; ``free_files`` None: not limited."""

    free_bytes: float
    free_files: float | None = None


class Pressure(NamedTuple):
    """Share of the time, in percent, that work waited for a resource.

    Averages of the last minute and of the last 5 min, as the kernel reports them.
    """

    minute: float
    five_minutes: float


class HostMeasurement(NamedTuple):
    """One measurement; None: it cannot be read here.

    ``disk``: the least space of the disks that Sidecar itself is on. ``stolen``: the
    share of processor time, in percent, that the hypervisor gave to others since the
    last measurement. ``cpu``: some work waited for a processor. ``memory``: all work
    waited for memory. ``load_per_core``: the average of the last 5 min.
    """

    disk: DiskSpace | None = None
    stolen: float | None = None
    cpu: Pressure | None = None
    memory: Pressure | None = None
    load_per_core: float | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A trouble of the host: since when it was measured, and whether it counts yet."""

    reason: Reason
    since_mono: float
    is_certain: bool = False


@dataclass(frozen=True, slots=True)
class HostStatus:
    """Troubles of the host; None: there is none, or it cannot be seen."""

    disk: Trouble | None = None
    overload: Trouble | None = None
    measured_mono: float | None = None


@dataclass(frozen=True, slots=True)
class DiskFault:
    """A disk of one container is full, by its log or by a measurement in it.

    ``run``: the run in which it was seen, at ``seen_mono`` for the last time.
    """

    run: RunId
    reason: Reason
    seen_mono: float
