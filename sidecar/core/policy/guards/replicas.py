"""Guard for the other replicas of a target: they are restarted one after the other."""

from sidecar.core.model.decision import Action, Trigger
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import planned_restart
from sidecar.core.status import replicas


def check_draining(case: GuardInput) -> Reason | None:
    """Wait until the other replicas work, and for the pause after the last restart.

    A replica that does not work is restarted at once, and so is one that an operator
    names. ``--now`` does not wait for the pause.
    """
    if not _is_rolling(case) or not replicas.is_serving(case.instance):
        return None
    out = replicas.find_replica_out(case.state, case.instance)
    if out is not None:
        return Reason.of(R.REPLICA_OUT, root=out.name, state=out.state)
    if case.forced:
        return None
    for other in replicas.other_replicas(case.state, case.instance):
        returned_mono = other.returned_mono
        if returned_mono is None:
            continue
        wait_s = returned_mono + case.target.rolling.pause_s - case.at.mono
        if wait_s > 0:
            return Reason.of(R.REPLICA_PAUSE, root=other.name, wait_s=wait_s)
    return None


def _is_rolling(case: GuardInput) -> bool:
    """Is it one of the restarts of all replicas, although the replica may work?"""
    if case.action is not Action.RESTART or case.finishes:
        return False
    if case.trigger is Trigger.DEPENDENCY:
        return case.instance.must_restart
    if case.trigger is Trigger.OPERATOR:
        return planned_restart.is_rolling_step(case.state, case.instance)
    return case.trigger is Trigger.PLANNED
