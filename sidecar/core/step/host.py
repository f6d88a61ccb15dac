"""Measurements of the host and of disks, worked into the state."""

from types import MappingProxyType

from sidecar.core.model.host_event import DiskExamined, HostMeasured
from sidecar.core.model.host_status import DiskFault
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.update import Update, no_update
from sidecar.core.status import host_pressure


def on_disk_examined(state: State, event: DiskExamined) -> Update:
    """Note a full disk of a container, or that it has space again."""
    instance = state.instances.get(event.instance)
    if instance is None or instance.container is None:
        return no_update(state)
    if instance.container.run != event.run:
        return no_update(state)
    faults = {i: f for i, f in state.disk_faults.items() if i in state.instances}
    faults.pop(event.instance, None)
    if event.full:
        faults[event.instance] = DiskFault(event.run, event.full, event.at.mono)
    after = replace(state, disk_faults=MappingProxyType(faults))
    return Update(after, (), (event.instance,))


def on_host_measured(state: State, event: HostMeasured) -> Update:
    """Work in a measurement of the host."""
    host = host_pressure.update_host(state.host, event.measurement, event.at)
    return Update(replace(state, host=host), (), ())
