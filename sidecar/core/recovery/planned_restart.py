"""A planned restart under way: the root, then its dependents, one after the other."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import PlannedRestart, State
from sidecar.core.model.target import AfterDependency, InstanceId

PLAN_STEP_S = 600.0
"""How long a planned restart may wait for its next step before that is left out."""


def instances_to_restart(state: State, target: str) -> tuple[InstanceId, ...]:
    """Whom a planned restart of ``target`` restarts, in order."""
    following = (
        name
        for name in state.topology.dependents.get(target, ())
        if state.targets[name].after_dependency is not AfterDependency.NEVER
    )
    names = (target, *following)
    return tuple(i.id for name in names for i in state.replicas(name))


def mark_due(state: State, target: str, at: Moment) -> State:
    """The planned restart of ``target`` waits to begin from now on."""
    waiting = {**state.due, target: at.mono + PLAN_STEP_S}
    return replace(state, due=MappingProxyType(waiting))


def cancel_plan(state: State, target: str) -> State:
    """Nothing more of the planned restart of ``target``."""
    mine = state.plan is not None and state.plan.target == target
    return replace(
        state, due=_without(state, target), plan=None if mine else state.plan
    )


def advance_plan(state: State, decision: Decision, at: Moment) -> State:
    """A planned restart was begun or skipped, or its next step was."""
    if decision.action is Action.HOLD:
        return state
    deadline = at.mono + PLAN_STEP_S
    plan = state.plan
    if plan is not None and decision.instance in plan.left:
        left = tuple(i for i in plan.left if i != decision.instance)
        return replace(
            state, plan=_unless_over(PlannedRestart(plan.target, left, deadline))
        )
    target = decision.instance.target
    begun = replace(state, due=_without(state, target))
    if decision.action is Action.SKIP:
        return begun
    left = tuple(
        i for i in instances_to_restart(state, target) if i != decision.instance
    )
    return replace(begun, plan=_unless_over(PlannedRestart(target, left, deadline)))


def drop_unwatched(state: State) -> State:
    """Without those who are watched no more."""
    waiting = {k: v for k, v in state.due.items() if k in state.targets}
    plan = state.plan
    if plan is not None:
        left = tuple(i for i in plan.left if i in state.instances)
        over = plan.target not in state.targets
        plan = None if over else _unless_over(plan._replace(left=left))
    return replace(state, due=MappingProxyType(waiting), plan=plan)


def _unless_over(plan: PlannedRestart) -> PlannedRestart | None:
    return plan if plan.left else None


def _without(state: State, target: str) -> MappingProxyType[str, float]:
    return MappingProxyType({k: v for k, v in state.due.items() if k != target})
