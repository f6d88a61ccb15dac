"""Proposals of planned restarts."""

from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.policy.proposal import Proposal
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import busy_wait
from sidecar.core.recovery.planned_restart import instances_to_restart
from sidecar.core.status import container_run


def propose_planned(state: State, instance: Instance, at: Moment) -> Proposal | None:
    """The proposal of a planned restart; None: none is due or under way."""
    step = _next_step_proposal(state, instance, at)
    due = state.due.get(instance.id.target)
    if step is not None or due is None:
        return step
    instance_ids = instances_to_restart(state, instance.id.target)
    if instance.id != instance_ids[0]:
        return None
    instances = [state.instances[w] for w in instance_ids]
    running = [i for i in instances if i is instance or not _is_stopped_by_operator(i)]
    trouble = next(filter(None, map(_find_instability, running)), None)
    deadline_mono = busy_wait.plan_deadline_mono(state, instance, due.until_mono)
    if trouble is None and at.mono >= deadline_mono:
        trouble = Reason.of(R.PLAN_TOO_LATE)
    if trouble is not None:
        why = Reason.of(R.PLAN_SKIPPED, reason=trouble)
        return Proposal(Action.SKIP, Trigger.PLANNED, None, why, Guard.UNSTABLE)
    return Proposal(Action.RESTART, Trigger.PLANNED, None, due.why)


def _is_stopped_by_operator(instance: Instance) -> bool:
    """Did an operator stop it? Then it is not unstable, and is skipped later."""
    return instance.state is TargetState.STOPPED


def _next_step_proposal(
    state: State, instance: Instance, at: Moment
) -> Proposal | None:
    plan = state.plan
    if plan is None or not plan.remaining_ids or plan.remaining_ids[0] != instance.id:
        return None
    rolls = plan.trigger is Trigger.OPERATOR
    if plan.failed_name:
        why = Reason.of(R.ROLL_STOPPED, root=plan.failed_name)
        return Proposal(Action.SKIP, plan.trigger, None, why, Guard.UNSTABLE)
    if not container_run.is_running(instance):
        code = R.ROLL_NOT_RUNNING if rolls else R.PLAN_NOT_RUNNING
        why = Reason.of(code, root=plan.target)
        return Proposal(Action.SKIP, plan.trigger, None, why, Guard.NOT_CURABLE)
    if at.mono >= busy_wait.plan_deadline_mono(state, instance, plan.deadline_mono):
        code = R.ROLL_TOO_LATE if rolls else R.PLAN_TOO_LATE_IN
        why = Reason.of(code, root=plan.target)
        return Proposal(Action.SKIP, plan.trigger, None, why, Guard.UNSTABLE)
    why = Reason.of(R.ROLL_ASKED if rolls else R.PLAN_FOLLOWS, root=plan.target)
    return Proposal(Action.RESTART, plan.trigger, None, why, forced=plan.forced)


def _find_instability(instance: Instance) -> Reason | None:
    remedy = instance.remedy
    if remedy is not None and remedy.decision.trigger is Trigger.PLANNED:
        return None
    if instance.incident is not None:
        return Reason.of(
            R.INCIDENT_OPEN, incident_id=instance.incident, root=instance.name
        )
    if instance.health.failures:
        return Reason.of(
            R.IS_FAILING, root=instance.name, cause=str(instance.health.cause)
        )
    if instance.state not in WORKING_STATES:
        return Reason.of(R.IS_IN_STATE, root=instance.name, state=instance.state)
    return None
