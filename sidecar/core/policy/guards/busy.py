"""Guard for the target's own work: a restart waits while it is busy."""

from sidecar.core.model.busy_wait import BusyVerdict
from sidecar.core.model.decision import Action
from sidecar.core.model.instance import Instance
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import busy_wait


def check_busy(case: GuardInput) -> Reason | None:
    """Wait while the target, or a dependent of a planned restart, is busy."""
    if case.drained:
        # It was asked before and during the drain.
        return None
    if case.settles or case.action not in {Action.RESTART, Action.RECREATE}:
        return None
    asked = busy_wait.instances_to_ask(case.state, case.instance, case.trigger)
    objections = (_find_objection(case, instance) for instance in asked)
    return next(filter(None, objections), None)


def _find_objection(case: GuardInput, instance: Instance) -> Reason | None:
    wait = busy_wait.find_wait(case.state, instance)
    left_s = busy_wait.wait_left_s(case.state, instance, case.at)
    if left_s <= 0 or (wait is not None and busy_wait.is_free(wait, case.at)):
        return None
    answer = wait.answer if wait is not None else None
    if answer is None or answer.verdict is BusyVerdict.FREE:
        return Reason.of(R.ASKED_WHETHER_BUSY, root=instance.name)
    is_busy = answer.verdict is BusyVerdict.BUSY
    code = R.TARGET_BUSY if is_busy else R.BUSY_UNCLEAR
    return Reason.of(code, root=instance.name, reason=answer.reason, wait_s=left_s)
