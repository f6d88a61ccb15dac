"""Proposals of planned restarts."""

from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.policy.proposal import (
    Proposal,
)
from sidecar.core.recovery.planned_restart import instances_to_restart
from sidecar.core.status import (
    container_run,
)


def propose_planned(state: State, instance: Instance, at: Moment) -> Proposal | None:
    """The proposal of a planned restart; None: none is due or under way."""
    step = _next_step_proposal(state, instance, at)
    until = state.due.get(instance.id.target)
    if step is not None or until is None:
        return step
    wanted = instances_to_restart(state, instance.id.target)
    if instance.id != wanted[0]:
        return None
    concerned = [state.instances[w] for w in wanted]
    running = [i for i in concerned if i is instance or not _is_stopped_by_operator(i)]
    trouble = next(filter(None, map(_find_instability, running)), None)
    if trouble is None and at.mono >= until:
        trouble = "its turn did not come in time"
    if trouble is not None:
        why = f"the planned restart is skipped: {trouble}"
        return Proposal(Action.SKIP, Trigger.PLANNED, None, why, Guard.UNSTABLE)
    return Proposal(Action.RESTART, Trigger.PLANNED, None, "its planned restart is due")


def _is_stopped_by_operator(instance: Instance) -> bool:
    """Has an operator stopped it? Then it is no trouble, and left out at its turn."""
    return instance.state is TargetState.STOPPED


def _next_step_proposal(
    state: State, instance: Instance, at: Moment
) -> Proposal | None:
    plan = state.plan
    if plan is None or not plan.left or plan.left[0] != instance.id:
        return None
    if not container_run.is_running(instance):
        why = f"it does not run; left out of the planned restart of {plan.target}"
        return Proposal(Action.SKIP, Trigger.PLANNED, None, why, Guard.NOT_CURABLE)
    if at.mono >= plan.deadline_mono:
        why = f"its turn did not come in time in the planned restart of {plan.target}"
        return Proposal(Action.SKIP, Trigger.PLANNED, None, why, Guard.UNSTABLE)
    why = f"it follows {plan.target} in its planned restart"
    return Proposal(Action.RESTART, Trigger.PLANNED, None, why)


def _find_instability(instance: Instance) -> str | None:
    remedy = instance.remedy
    if remedy is not None and remedy.decision.trigger is Trigger.PLANNED:
        return None
    if instance.incident is not None:
        return f"incident {instance.incident} of {instance.name} is open"
    if instance.health.failures:
        return f"{instance.name} is failing ({instance.health.cause})"
    if instance.state not in WORKING_STATES:
        return f"{instance.name} is {instance.state}"
    return None
