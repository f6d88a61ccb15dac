"""The decision about one instance now: act, hold or tell a person."""

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.policy import drain_proposals, stop_options
from sidecar.core.policy.guards.guard_input import GuardInput
from sidecar.core.policy.guards.table import find_objections, first_objection
from sidecar.core.policy.proposal import Proposal
from sidecar.core.policy.proposals import propose
from sidecar.core.policy.stop_options import STOPPING_ACTIONS
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import busy_wait, planned_restart
from sidecar.core.status import crash_loop, run_log
from sidecar.core.status.lease import is_unsettled, sign_decision
from sidecar.core.status.maintenance_windows import window_end_wall


def decide(state: State, instance_id: InstanceId, at: Moment) -> Decision | None:
    """The decision about one instance; None when there is nothing new to say."""
    instance = state.instances[instance_id]
    decision = _current_decision(state, instance, at)
    if decision is None or not _is_new(state, instance, decision):
        return None
    return replace(decision, begun=run_log.run_starts(instance, decision.cause))


def decision_in_force(
    state: State, instance_id: InstanceId, at: Moment
) -> Decision | None:
    """The decision in force about one instance, with its current reason.

    Its time is that of the recorded decision. None: there is nothing to do.
    """
    instance = state.instances[instance_id]
    if instance.remedy is not None:
        return instance.remedy.decision
    if instance.loading is not None:
        return instance.loading
    current, last = _current_decision(state, instance, at), instance.last_decision
    if current is None or last is None or _is_new(state, instance, current):
        return current
    return replace(current, at=last.at)


def objections_to_operator(
    state: State, instance_id: InstanceId, at: Moment
) -> tuple[tuple[Guard, Reason], ...]:
    """Each guard that would object now if an operator asked for a restart.

    In the order of asking: the first one would be the reason of the decision.
    """
    instance = replace(state.instances[instance_id], asked=True, asked_now=False)
    target = state.target_of(instance)
    proposal = propose(state, instance, target, at)
    if proposal is None:
        return ()
    if not proposal.action.changes_something:
        return ((proposal.guard, proposal.why),)
    return tuple(find_objections(guard_input(state, instance, target, proposal, at)))


def _current_decision(state: State, instance: Instance, at: Moment) -> Decision | None:
    """The current decision, new or not."""
    target = state.target_of(instance)
    proposal = propose(state, instance, target, at)
    return (
        None
        if proposal is None
        else _apply_guards(state, instance, target, proposal, at)
    )


def _is_new(state: State, instance: Instance, decision: Decision) -> bool:
    last = instance.last_decision
    if last is None or decision.action.changes_something:
        return True
    if crash_loop.is_notified(instance, decision) and last.action is Action.LOAD_WALLET:
        return False
    # Each request is answered, and each skipped planned restart is one of its own.
    is_answer = _is_requested(state, instance, decision)
    if is_answer or decision.action in {Action.LOOK, Action.SKIP}:
        return True
    if last.at.mono < instance.since.mono:
        return True
    if _asks_anew(state, instance, decision):
        return True
    same = (last.action, last.guard, last.trigger) == (
        decision.action,
        decision.guard,
        decision.trigger,
    )
    same = same and _asks_same_remedy(last.cause, decision.cause)
    # A crash loop has many runs and is reported once.
    same = same and (last.run == decision.run or decision.cause is Cause.CRASH_LOOP)
    counting = decision.guard is Guard.THRESHOLD and decision.reason != last.reason
    return not same or counting


def _is_requested(state: State, instance: Instance, decision: Decision) -> bool:
    """Does an operator wait for this decision, as the answer to a request?"""
    if instance.asked:
        return True
    is_requested = state.plan is not None and state.plan.is_requested
    return is_requested and decision.trigger is Trigger.OPERATOR


def _asks_anew(state: State, instance: Instance, decision: Decision) -> bool:
    """Is a busy target to be asked, or has it just answered for the first time?"""
    last = instance.last_decision
    if decision.guard is not Guard.BUSY or last is None:
        return False
    if busy_wait.is_unasked(state, instance, decision.trigger):
        return True
    return _awaits_answer(last) and not _awaits_answer(decision)


def _awaits_answer(decision: Decision) -> bool:
    objection = decision.reason.get("objection")
    if not isinstance(objection, Reason):
        return False
    return objection.code is R.ASKED_WHETHER_BUSY


def _asks_same_remedy(last_cause: Cause | None, cause: Cause | None) -> bool:
    if last_cause is None or cause is None or CAUSES[last_cause].remedy is None:
        return last_cause is cause
    return CAUSES[last_cause].remedy is CAUSES[cause].remedy


def _apply_guards(
    state: State, instance: Instance, target: Target, proposal: Proposal, at: Moment
) -> Decision:
    decision = _decision_from(instance, proposal, at)
    if not proposal.action.changes_something:
        return _hold_page(state, instance, decision)
    objection = first_objection(guard_input(state, instance, target, proposal, at))
    if objection is None:
        permitted = _permitted_decision(state, instance, target, proposal, at)
        return sign_decision(state.lease, permitted, at.mono)
    guard, reason = objection
    action = Action.HOLD
    waits = _makes_plans_wait(state, guard, at)
    if _is_plan_step(state, instance, proposal) and not waits:
        action = Action.SKIP
    if proposal.trigger.is_automatic and guard.rule.pages:
        action = Action.PAGE
    return replace(
        decision,
        action=action,
        guard=guard,
        reason=Reason.of(
            R.HELD, why=proposal.why, action=proposal.action, objection=reason
        ),
    )


def _makes_plans_wait(state: State, guard: Guard, at: Moment) -> bool:
    if guard is Guard.LEASE:
        return is_unsettled(state.lease, at.mono)
    return guard.rule.makes_plans_wait


def _is_plan_step(state: State, instance: Instance, proposal: Proposal) -> bool:
    """Is it a step of a plan? The request for one that cannot begin is refused."""
    if proposal.trigger is Trigger.PLANNED:
        return True
    is_requested = state.plan is not None and state.plan.is_requested
    return planned_restart.is_rolling_step(state, instance) and not is_requested


def _permitted_decision(
    state: State, instance: Instance, target: Target, proposal: Proposal, at: Moment
) -> Decision:
    """The decision to carry out a remedy to which no guard objects."""
    is_restart = proposal.action is Action.RESTART
    if proposal.action in STOPPING_ACTIONS and not (
        proposal.settles or proposal.drained
    ):
        why = busy_wait.describe_wait(
            state, instance, proposal.trigger, proposal.why, at
        )
        proposal = replace(proposal, why=why)
    if drain_proposals.is_drained_first(state, instance, proposal):
        first = drain_proposals.drain_instead(proposal, target)
        drain_s = target.rolling.drain_s
        return replace(_decision_from(instance, first, at), drain_s=drain_s)
    decision = _decision_from(instance, proposal, at)
    if proposal.forced and is_restart and target.wallet is not None:
        return stop_options.skip_polite_stop(decision, target)
    return stop_options.add_stop_options(decision, instance, target)


def _hold_page(state: State, instance: Instance, decision: Decision) -> Decision:
    """Hold a page in a maintenance window, unless it was made before."""
    at, last = decision.at, instance.last_decision
    end_wall = window_end_wall(state, instance.id.target, at.wall)
    if decision.action is not Action.PAGE or end_wall is None:
        return decision
    if last is not None and (last.action, last.cause) == (Action.PAGE, decision.cause):
        return decision
    wait_s = end_wall - at.wall
    reason = Reason.of(R.TOLD_AFTER_WINDOW, why=decision.reason, wait_s=wait_s)
    guard = Guard.MAINTENANCE
    return replace(decision, action=Action.HOLD, guard=guard, reason=reason)


def guard_input(
    state: State, instance: Instance, target: Target, proposal: Proposal, at: Moment
) -> GuardInput:
    """The input of the guards about a proposed remedy."""
    return GuardInput(
        state,
        instance,
        target,
        at,
        proposal.action,
        proposal.cause,
        proposal.trigger,
        proposal.forced,
        proposal.finishes,
        proposal.drained,
        proposal.settles,
    )


def _decision_from(instance: Instance, proposal: Proposal, at: Moment) -> Decision:
    container = instance.container
    reason = proposal.why
    if proposal.action.changes_something:
        reason = Reason.of(R.ACT_NOW, why=proposal.why, action=proposal.action)
    return Decision(
        at,
        instance.id,
        instance.name,
        proposal.action,
        proposal.guard,
        reason,
        proposal.cause,
        proposal.trigger,
        container.run if container is not None else None,
        incident=instance.incident,
        forced=proposal.forced,
        settles=proposal.settles,
        drained=proposal.drained,
    )
