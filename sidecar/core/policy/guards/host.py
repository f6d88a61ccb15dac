"""Guard for the host: no restart helps against its troubles."""

from sidecar.core.model.decision import Action, Trigger
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status import host_pressure, host_trouble


def check_host(case: GuardInput) -> Reason | None:
    """Hold starts and restarts while a disk is full, and planned ones in overload."""
    is_concerned = case.action in {Action.START, Action.RESTART}
    if not is_concerned or case.trigger is Trigger.OPERATOR:
        return None
    disk = host_trouble.find_full_disk(case.state, case.instance, case.at)
    if disk:
        return Reason.of(R.HELD_BY_DISK, because=disk)
    if case.trigger is not Trigger.PLANNED:
        return None
    overload = host_pressure.find_overload(case.state.host, case.at)
    return Reason.of(R.HELD_BY_LOAD, because=overload) if overload else None
