"""Events about the host and the disks of containers."""

from dataclasses import dataclass

from sidecar.core.model.container import RunId
from sidecar.core.model.host_status import HostMeasurement
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import InstanceId
from sidecar.core.reason.reason import Reason


@dataclass(frozen=True, slots=True)
class DiskExamined:
    """The disks of a container were examined; ``full`` says which one is full.

    NO_REASON: none is. Where nothing could be measured there is no event.
    """

    at: Moment
    instance: InstanceId
    run: RunId
    full: Reason


@dataclass(frozen=True, slots=True)
class HostMeasured:
    """Disk, memory and processors of the host were measured."""

    at: Moment
    measurement: HostMeasurement
