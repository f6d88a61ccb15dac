"""Why a drill may not begin. The command asks before it says what will happen."""

import math
from collections.abc import Collection, Iterator

from sidecar.core.model.drill import DrillFacts
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Mode
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import restart_rate
from sidecar.core.recovery.restart_rate import RESTART_LIMIT
from sidecar.core.status import lease as lease_rules
from sidecar.core.status.maintenance_windows import window_end_wall
from sidecar.core.status.replicas import does_another_work

SPARE_RESTARTS = 2
"""Restarts that the limits must still permit: for the drill, and a real failure."""


def find_drill_objection(
    state: State,
    instance_id: InstanceId,
    fault: DrillFault,
    facts: DrillFacts,
    at: Moment,
    *,
    forced: bool = False,
) -> Reason | None:
    """Why a drill of this instance may not begin now; None: it may.

    ``forced``: its clients may wait (``--yes``); no other objection is lifted by that.
    """
    instance = state.instances.get(instance_id)
    if instance is None or instance.container is None:
        return Reason.of(R.DRILL_NO_CONTAINER)
    if facts.loss:
        return Reason.of(R.DRILL_LOSS, reason=facts.loss)
    return (
        _check_fault(state, instance, fault, facts)
        or _check_stack(state, instance, at)
        or _check_chain(state, instance, fault)
        or _check_limits(state, instance, fault, at)
        or _check_clients(state, instance, fault, facts, forced=forced)
    )


def _check_fault(
    state: State, instance: Instance, fault: DrillFault, facts: DrillFacts
) -> Reason | None:
    """Is it a fault for this target, on this engine?"""
    target, rule = state.target_of(instance), fault.rule
    if rule.needs_wallet and target.wallet is None:
        return Reason.of(R.DRILL_WALLETS_ONLY)
    if rule.on_connections and not target.is_asked_over_network:
        return Reason.of(R.DRILL_NO_CONNECTION)
    if rule.is_cured and not target.restart.enabled:
        return Reason.of(R.RESTARTS_OFF)
    if facts.store:
        return Reason.of(R.DRILL_NOT_STORED, reason=facts.store)
    return facts.engine or None


def _check_stack(state: State, instance: Instance, at: Moment) -> Reason | None:
    """May Sidecar act in this stack now, and is no other drill under way?"""
    if state.drill is not None:
        return Reason.of(R.DRILL_OTHER, fault=state.drill.fault, root=state.drill.name)
    if state.mode_in_force is not Mode.ACT:
        return Reason.of(R.DRILL_OBSERVED)
    if not state.engine.reachable:
        return Reason.of(R.ENGINE_UNREACHABLE, said=state.engine.reason)
    return find_stack_objection(state, instance, at)


def find_stack_objection(state: State, instance: Instance, at: Moment) -> Reason | None:
    """Why Sidecar would not act on the instance: a pause, a window, the lease."""
    until_wall = state.paused.get(instance.id.target)
    if until_wall == math.inf:
        return Reason.of(R.ACTING_PAUSED)
    if until_wall is not None:
        return Reason.of(R.ACTING_PAUSED_FOR, wait_s=until_wall - at.wall)
    end_wall = window_end_wall(state, instance.id.target, at.wall)
    if end_wall is not None:
        return Reason.of(R.IN_MAINTENANCE, wait_s=end_wall - at.wall)
    lease = state.lease
    if lease is None or lease_rules.leads(lease, at.mono):
        return None
    objection = lease_rules.find_objection(lease, at.mono, 0.0, at.mono)
    return objection or Reason.of(R.LEASE_FREE)


def _check_chain(state: State, instance: Instance, fault: DrillFault) -> Reason | None:
    """Is all well with the target, what it needs, and what needs it?"""
    if state.plan is not None:
        return Reason.of(R.DRILL_PLAN, root=state.plan.target)
    if instance.state is not TargetState.HEALTHY and not fault.rule.interrupts:
        return Reason.of(R.DRILL_NOT_WORKING, root=instance.name, state=instance.state)
    members = list(chain_of(state, instance))
    objections = (_check_member(state, member) for member in members)
    why = next((why for why in objections if why is not None), None)
    return why or _check_tasks(state, {member.id.target for member in members})


def _check_tasks(state: State, targets: Collection[str]) -> Reason | None:
    """Is a task under way that is about these targets, or about the whole stack?"""
    for name, progress in state.task_progress.items():
        task = state.tasks.get(name)
        if progress.running is None or task is None:
            continue
        if task.target is None or task.target in targets:
            return Reason.of(R.DRILL_TASK, task=name)
    return None


def _check_member(state: State, member: Instance) -> Reason | None:
    if member.incident is not None:
        return Reason.of(R.DRILL_INCIDENT, root=member.name)
    if member.remedy is not None or member.loading is not None:
        return Reason.of(R.DRILL_REMEDY, root=member.name)
    if member.state not in WORKING_STATES:
        return Reason.of(R.DRILL_NOT_WORKING, root=member.name, state=member.state)
    if member.id.target in state.due:
        return Reason.of(R.DRILL_PLAN, root=member.id.target)
    return None


def chain_of(state: State, instance: Instance) -> Iterator[Instance]:
    """The instance, those that it may need, its replicas, and its dependents."""
    name = instance.id.target
    yield instance
    for other in (*state.topology.upstreams.get(name, ()), name):
        yield from (i for i in state.replicas(other) if i.id != instance.id)
    yield from state.dependents(name)


def _check_limits(
    state: State, instance: Instance, fault: DrillFault, at: Moment
) -> Reason | None:
    """Do the limits of restarts permit the cure, and one more?"""
    if not fault.rule.is_cured:
        return None
    target = state.target_of(instance)
    limits = restart_rate.find_limits(state, target)
    of_stack = restart_rate.stack_restarts(state, at.mono)
    of_target = restart_rate.target_restarts(state, target, at.mono)
    left = min(
        RESTART_LIMIT - of_stack,
        limits.of_stack - of_stack,
        limits.of_target - of_target,
    )
    return Reason.of(R.DRILL_LIMIT, count=left) if left < SPARE_RESTARTS else None


def _check_clients(
    state: State,
    instance: Instance,
    fault: DrillFault,
    facts: DrillFacts,
    *,
    forced: bool,
) -> Reason | None:
    """Would clients of the target notice?"""
    if not fault.rule.interrupts:
        return None
    if facts.busy:
        return facts.busy
    if forced or does_another_work(state, instance):
        return None
    return Reason.of(R.DRILL_NO_REPLICA)
