"""Restarts that are due now, for whoever restarts the containers, such as a kubelet."""

from sidecar.core.model.decision import Action
from sidecar.core.model.guard import Guard
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.policy.decide import decision_in_force, guard_input
from sidecar.core.policy.guards.table import find_objections
from sidecar.core.policy.proposals import propose
from sidecar.core.reason.reason import Reason

_RESTARTS = frozenset({Action.START, Action.RESTART, Action.RECREATE})


def is_restart_due(state: State, instance_id: InstanceId, at: Moment) -> bool:
    """Would Sidecar restart the instance now, if its mode let it act?

    That is: the failure is certain, a restart repairs its cause, and no guard but
    ``observe`` objects.
    """
    instance = state.instances[instance_id]
    target = state.target_of(instance)
    proposal = propose(state, instance, target, at)
    if proposal is None or proposal.action not in _RESTARTS:
        return False
    case = guard_input(state, instance, target, proposal, at)
    return all(guard is Guard.OBSERVE for guard, _ in find_objections(case))


def describe_restart(state: State, instance_id: InstanceId, at: Moment) -> Reason:
    """Why a restart is due or not: the decision in force, else the present state."""
    decision = decision_in_force(state, instance_id, at)
    if decision is not None:
        return decision.reason
    return state.instances[instance_id].reason
