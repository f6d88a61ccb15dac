"""Planned restarts: the root first, then its dependents one after the other.

The rolling restart that an operator requests has the replicas of one target.
"""

from types import MappingProxyType

from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import DueRestart, PlannedRestart, State
from sidecar.core.model.target import AfterDependency, InstanceId
from sidecar.core.model.target_state import WORKING_STATES
from sidecar.core.model.update import replace_instances
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import busy_wait
from sidecar.core.status.container_run import is_running
from sidecar.core.status.replicas import is_drained

PLAN_STEP_S = 600.0
"""Time that a planned restart may wait for its next step before that is skipped."""


def instances_to_restart(state: State, target: str) -> tuple[InstanceId, ...]:
    """Instances that a planned restart of ``target`` restarts, in order."""
    following = (
        name
        for name in state.topology.dependents.get(target, ())
        if state.targets[name].after_dependency is not AfterDependency.NEVER
    )
    names = (target, *following)
    return tuple(i.id for name in names for i in state.replicas(name))


def mark_due(state: State, target: str, why: Reason, at: Moment) -> State:
    """Make a planned restart of ``target`` due for the reason ``why``.

    It waits to begin. One that is due already stays as it is.
    """
    if target in state.due:
        return state
    waiting = {**state.due, target: DueRestart(at.mono + PLAN_STEP_S, why)}
    return replace(state, due=MappingProxyType(waiting))


def cancel_plan(state: State, target: str) -> State:
    """Cancel the planned restart of ``target``, due or under way.

    The drain of a replica for it ends.
    """
    is_under_way = state.plan is not None and state.plan.target == target
    remaining_ids = state.plan.remaining_ids if state.plan and is_under_way else ()
    instances = (state.instances[i] for i in instances_to_restart(state, target))
    drained = [
        replace(instance, remedy=None)
        for instance in instances
        if is_drained(instance)
        and (instance.id in remaining_ids or _is_planned(instance))
    ]
    return replace(
        busy_wait.end_waits(replace_instances(state, *drained), target),
        due=_due_without(state, target),
        plan=None if is_under_way else state.plan,
    )


def _is_planned(instance: Instance) -> bool:
    remedy = instance.remedy
    return remedy is not None and remedy.decision.trigger is Trigger.PLANNED


def begin_rolling_restart(
    state: State, target: str, at: Moment, *, forced: bool
) -> State:
    """Begin the rolling restart that an operator requests, unless a plan is under way.

    Replicas that do not work come first: their restart takes nothing away.
    """
    if state.plan is not None:
        return state
    running = (i for i in state.replicas(target) if is_running(i))
    ordered = sorted(running, key=lambda i: (i.state in WORKING_STATES, i.id))
    instance_ids = tuple(instance.id for instance in ordered)
    plan = PlannedRestart(
        target, instance_ids, at.mono + PLAN_STEP_S, Trigger.OPERATOR, forced
    )
    return replace(state, plan=_unless_over(plan))


def is_rolling_step(state: State, instance: Instance) -> bool:
    """Is it the next replica of the rolling restart that an operator requested?"""
    plan = state.plan
    if plan is None or plan.trigger is not Trigger.OPERATOR or not plan.remaining_ids:
        return False
    return plan.remaining_ids[0] == instance.id and not instance.asked


def stop_plan(state: State, instance: Instance, trigger: Trigger) -> State:
    """Give up the rest of a plan, as the restart of ``instance`` did not succeed.

    Where replicas of its target are left, the next decision says so to people.
    """
    plan = state.plan
    if plan is None or trigger is not plan.trigger:
        return state
    if trigger is Trigger.OPERATOR and plan.current_id != instance.id:
        return state
    if any(i.target == instance.id.target for i in plan.remaining_ids):
        return replace(state, plan=plan._replace(failed_name=instance.name))
    return replace(state, plan=None)


def advance_plan(state: State, decision: Decision, at: Moment) -> State:
    """Note that a planned restart, or its next step, was begun or skipped."""
    plan = state.plan
    if plan is not None and _is_step(plan, decision):
        return replace(state, plan=_advance_step(state, plan, decision, at))
    if decision.trigger is not Trigger.PLANNED:
        return state
    return _begin_plan(state, decision, at)


def _is_step(plan: PlannedRestart, decision: Decision) -> bool:
    """Is the decision about a step of the plan?

    A target that has its turn later may have a planned restart of its own, which is
    skipped meanwhile.
    """
    if decision.trigger is not plan.trigger:
        return False
    if decision.trigger is Trigger.PLANNED:
        return plan.remaining_ids[0] == decision.instance
    return decision.instance in plan.remaining_ids


def _advance_step(
    state: State, plan: PlannedRestart, decision: Decision, at: Moment
) -> PlannedRestart | None:
    """The plan after a decision about one of its instances; None: it is over."""
    if decision.action is Action.HOLD:
        return None if plan.is_requested else plan
    if decision.action is Action.DRAIN:
        return plan._replace(current_id=decision.instance)
    is_rolling = plan.trigger is Trigger.OPERATOR or plan.failed_name
    if decision.action is Action.SKIP and is_rolling:
        return None
    remaining_ids = tuple(i for i in plan.remaining_ids if i != decision.instance)
    advanced = plan._replace(
        remaining_ids=remaining_ids,
        deadline_mono=_deadline_mono(state, decision, remaining_ids, at),
        current_id=decision.instance,
    )
    return _unless_over(advanced)


def _deadline_mono(
    state: State, decision: Decision, remaining_ids: tuple[InstanceId, ...], at: Moment
) -> float:
    """The time until which the next step must begin; replicas have their pause."""
    name = decision.instance.target
    has_replica = any(i.target == name for i in remaining_ids)
    pause_s = state.targets[name].rolling.pause_s if has_replica else 0.0
    return at.mono + PLAN_STEP_S + pause_s


def _begin_plan(state: State, decision: Decision, at: Moment) -> State:
    if decision.action in {Action.HOLD, Action.DRAIN}:
        return state
    target = decision.instance.target
    updated = replace(state, due=_due_without(state, target))
    if decision.action is Action.SKIP:
        return updated
    remaining = tuple(
        i for i in instances_to_restart(state, target) if i != decision.instance
    )
    deadline_mono = _deadline_mono(state, decision, remaining, at)
    plan = PlannedRestart(
        target, remaining, deadline_mono, current_id=decision.instance
    )
    return replace(updated, plan=_unless_over(plan))


def drop_unwatched(state: State) -> State:
    """Drop targets and instances that are no longer watched from the plans."""
    waiting = {k: v for k, v in state.due.items() if k in state.targets}
    plan = state.plan
    if plan is not None:
        remaining = tuple(i for i in plan.remaining_ids if i in state.instances)
        over = plan.target not in state.targets
        plan = None if over else _unless_over(plan._replace(remaining_ids=remaining))
    return replace(state, due=MappingProxyType(waiting), plan=plan)


def _unless_over(plan: PlannedRestart) -> PlannedRestart | None:
    return plan if plan.remaining_ids else None


def _due_without(state: State, target: str) -> MappingProxyType[str, DueRestart]:
    return MappingProxyType({k: v for k, v in state.due.items() if k != target})
