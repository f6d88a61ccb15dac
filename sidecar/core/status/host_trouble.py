"""Failures that a trouble of the host explains, and that no restart cures."""

from sidecar.core.model.cause import Cause, RemedyKind
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status import host_pressure, memory_kill
from sidecar.core.status.disk_space import says_disk_full

BELIEVED_S = 600.0
"""Time for which a sign of a full disk is believed; then one restart is tried."""


def find_full_disk(state: State, instance: Instance, at: Moment) -> Reason:
    """The reason to call a disk of the instance full now; NO_REASON: none is known."""
    fault, container = state.disk_faults.get(instance.id), instance.container
    is_of_run = (
        container is not None and fault is not None and (fault.run == container.run)
    )
    if fault is not None and is_of_run and at.mono - fault.seen_mono < BELIEVED_S:
        return fault.reason
    return host_pressure.find_full_disk(state.host, at)


def attribute_failure(
    state: State, instance: Instance, outcome: ProbeResult, at: Moment
) -> ProbeResult:
    """The result; with a cause of the host where that explains the failure."""
    if outcome.verdict is not ProbeVerdict.FAILURE or outcome.cause is None:
        return outcome
    if CAUSES[outcome.cause].remedy is not RemedyKind.RESTART:
        return outcome
    disk = _full_disk_behind(state, instance, outcome, at)
    if disk:
        why = Reason.of(R.EXPLAINED_BY, reason=outcome.reason, because=disk)
        return replace(outcome, cause=Cause.DISK_FULL, reason=why)
    overload = host_pressure.find_overload(state.host, at)
    if overload and _is_only_silent(instance, outcome):
        why = Reason.of(R.EXPLAINED_BY, reason=outcome.reason, because=overload)
        return replace(outcome, cause=Cause.HOST_OVERLOADED, reason=why)
    return memory_kill.name_memory_kill(instance, outcome)


def _full_disk_behind(
    state: State, instance: Instance, outcome: ProbeResult, at: Moment
) -> Reason:
    disk = find_full_disk(state, instance, at)
    if disk:
        return disk
    says_so = says_disk_full(str(outcome.reason))
    return Reason.of(R.SAYS_DISK_FULL) if says_so else NO_REASON


def _is_only_silent(instance: Instance, outcome: ProbeResult) -> bool:
    """Is it silent, and was it seen that none of its processes is stopped?

    A closed port or a stopped process is no effect of a slow host.
    """
    container = instance.container
    if outcome.cause is not Cause.HUNG or instance.health.frozen:
        return False
    return container is not None and instance.looked == container.run
