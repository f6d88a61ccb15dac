"""Explanation of an instance: each guard's answer, and the result of a failure."""

from dataclasses import dataclass

from sidecar.core.model.cause import RemedyKind
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.policy.decide import decision_in_force, guard_input
from sidecar.core.policy.guards.answers import GuardExplanation, explain_guards
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.policy.next_failure import (
    NextFailure,
    explain_next_failure,
    likely_cause,
)
from sidecar.core.policy.proposals import propose
from sidecar.core.recovery import recreation


@dataclass(frozen=True, slots=True)
class Explanation:
    """An instance now: the decision in force, the guards, and the next failure.

    ``action`` is the remedy that the guards were asked about, for ``trigger``;
    ``is_proposed``: the rules propose it now; otherwise it is the remedy that would
    follow a failure.
    """

    instance: Instance
    decision: Decision | None
    action: Action
    trigger: Trigger
    is_proposed: bool
    guards: tuple[GuardExplanation, ...]
    next_failure: NextFailure


def explain(state: State, instance_id: InstanceId, at: Moment) -> Explanation:
    """The explanation of one instance at this time."""
    instance = state.instances[instance_id]
    case, is_proposed = _find_case(state, instance, at)
    guards = explain_guards(case)
    return Explanation(
        instance,
        decision_in_force(state, instance_id, at),
        case.action,
        case.trigger,
        is_proposed,
        guards,
        explain_next_failure(case, guards),
    )


def _find_case(state: State, instance: Instance, at: Moment) -> tuple[GuardInput, bool]:
    """The remedy to ask the guards about; True: the rules propose it now."""
    target = state.target_of(instance)
    proposal = propose(state, instance, target, at)
    if proposal is not None and proposal.action.changes_something:
        return guard_input(state, instance, target, proposal, at), True
    cause = likely_cause(instance, target)
    remedy = CAUSES[cause].remedy or RemedyKind.RESTART
    settles = instance.settling is not None
    trigger = Trigger.DEPENDENCY if settles else Trigger.FAILURE
    action = recreation.choose_action(
        state, instance, target, cause, Action(remedy.value)
    )
    return GuardInput(state, instance, target, at, action, cause, trigger), False
