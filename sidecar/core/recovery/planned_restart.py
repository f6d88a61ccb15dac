"""Planned restarts: the root first, then its dependents one after the other."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import DueRestart, PlannedRestart, State
from sidecar.core.model.target import AfterDependency, InstanceId
from sidecar.core.model.update import replace_instances
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import busy_wait
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
    instances = (state.instances[i] for i in instances_to_restart(state, target))
    drained = [replace(i, remedy=None) for i in instances if _is_drained_for_plan(i)]
    return replace(
        busy_wait.end_waits(replace_instances(state, *drained), target),
        due=_due_without(state, target),
        plan=None if is_under_way else state.plan,
    )


def _is_drained_for_plan(instance: Instance) -> bool:
    remedy = instance.remedy
    if remedy is None or remedy.decision.trigger is not Trigger.PLANNED:
        return False
    return is_drained(instance)


def advance_plan(state: State, decision: Decision, at: Moment) -> State:
    """Note that a planned restart, or its next step, was begun or skipped."""
    if decision.action in {Action.HOLD, Action.DRAIN}:
        return state
    deadline_mono = at.mono + PLAN_STEP_S
    plan = state.plan
    if plan is not None and decision.instance in plan.remaining_ids:
        remaining = tuple(i for i in plan.remaining_ids if i != decision.instance)
        return replace(
            state,
            plan=_unless_over(PlannedRestart(plan.target, remaining, deadline_mono)),
        )
    target = decision.instance.target
    updated = replace(state, due=_due_without(state, target))
    if decision.action is Action.SKIP:
        return updated
    remaining = tuple(
        i for i in instances_to_restart(state, target) if i != decision.instance
    )
    return replace(
        updated, plan=_unless_over(PlannedRestart(target, remaining, deadline_mono))
    )


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
