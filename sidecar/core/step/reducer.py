"""Reducer: state + event -> state, transitions. Events that do not fit are ignored."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from sidecar.core.incidents.lifecycle import update_incidents
from sidecar.core.model.drill_event import (
    DrillCancelled,
    DrillEvent,
    DrillInjected,
    DrillPrepared,
    DrillRequested,
    DrillUndone,
)
from sidecar.core.model.event import (
    AckRequested,
    BusyAnswered,
    ContainerEventSeen,
    ContainersListed,
    DecisionMade,
    EngineReachabilityChanged,
    Event,
    EvidenceGathered,
    PauseRequested,
    PlannedRestartCancelled,
    PlannedRestartDue,
    ProbeCompleted,
    ProcessesInspected,
    RecoverRequested,
    ReleaseRequested,
    RemedyExecuted,
    RemedyProgressed,
    RestartRequested,
    ResumeRequested,
    SettingsApplied,
    SettingsRefused,
    Tick,
)
from sidecar.core.model.host_event import DiskExamined, HostMeasured
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import Lane
from sidecar.core.model.lease_event import LeaseObserved
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.target_state import WORKING_STATES
from sidecar.core.model.task_event import (
    TaskCompleted,
    TaskDue,
    TaskRequested,
    TasksPlanned,
    WindowsPlanned,
)
from sidecar.core.model.transition import StateChanged, Transition
from sidecar.core.model.update import Update, replace_instances
from sidecar.core.model.wallet_file import WalletFilesChecked
from sidecar.core.reason.reason import NO_REASON
from sidecar.core.recovery import (
    busy_wait,
    dependents,
    remedy_begin,
    remedy_execution,
    verification,
)
from sidecar.core.status import container_run
from sidecar.core.status.streaks import apply_threshold
from sidecar.core.status.target_status import TargetStatus, evaluate_status
from sidecar.core.step import (
    commands,
    host,
    lease,
    maintenance,
    observations,
    probe_results,
    turns,
    wallet_files,
)


def reduce_event(state: State, event: Event) -> Update:
    """Work one event into the state."""
    changed = _HANDLERS[type(event)](state, event)
    finished = _finish_reduction(
        changed.state, changed.touched, changed.transitions, event.at
    )
    return finished._replace(
        task_runs=changed.task_runs, drill_records=changed.drill_records
    )


def _on_drill_event(state: State, event: DrillEvent) -> Update:
    from sidecar.core.drills.phases import (  # noqa: PLC0415 - rarely used
        reduce_drill_event,
    )

    return reduce_drill_event(state, event)


def _on_tick(state: State, event: Tick) -> Update:
    state, troubled = turns.take_instances(state)
    now = event.at.mono
    aged = (_apply_time(state, instance, now) for instance in troubled)
    paused = {k: v for k, v in state.paused.items() if v > event.at.wall}
    after = _replace_changed(state, aged)
    if len(paused) != len(state.paused):
        after = replace(after, paused=MappingProxyType(paused))
    return Update(after, (), tuple(i.id for i in troubled))


def _apply_time(state: State, instance: Instance, now: float) -> Instance:
    target = state.target_of(instance)
    health = apply_threshold(instance.health, target, now)
    if health is not instance.health:
        instance = replace(instance, health=health)
    return container_run.end_loop_if_outlived(instance, now)


def _finish_reduction(
    state: State,
    touched: tuple[InstanceId, ...],
    transitions: tuple[Transition, ...],
    at: Moment,
) -> Update:
    all_transitions = list(transitions)
    for instance_id in touched:
        verified = verification.verify_remedy(state, instance_id, at)
        state = verified.state
        all_transitions.extend(verified.transitions)
    updated = _update_statuses(state, touched, at)
    state, noted = update_incidents(updated.state, updated.touched, at)
    all_transitions.extend((*updated.transitions, *noted))
    return Update(state, tuple(all_transitions), updated.touched)


def _update_statuses(
    state: State, touched: tuple[InstanceId, ...], at: Moment
) -> Update:
    """Update the status of each touched instance.

    Instances whose state stays are replaced together: one copy of all instances, not
    one for each of them.
    """
    transitions: list[Transition] = []
    concerned = dict.fromkeys(touched)
    same_state: list[Instance] = []
    for instance_id in touched:
        instance = state.instances[instance_id]
        target = state.target_of(instance)
        new = evaluate_status(instance, target, at)
        if new.state is instance.state and new.cause in {instance.cause, None}:
            same_state.append(_note_status(instance, new, target, at))
            continue
        state = _replace_changed(state, same_state)
        same_state.clear()
        updated = _change_status(state, instance, new, at)
        state = updated.state
        transitions.extend(updated.transitions)
        concerned.update(dict.fromkeys(updated.touched))
    return Update(
        _replace_changed(state, same_state), tuple(transitions), tuple(concerned)
    )


def _replace_changed(state: State, instances: Iterable[Instance]) -> State:
    changed = [i for i in instances if state.instances[i.id] is not i]
    return replace_instances(state, *changed) if changed else state


def _note_status(
    instance: Instance, new: TargetStatus, target: Target, at: Moment
) -> Instance:
    """The instance with its cause and reason, the state being the same."""
    noted = instance
    if new.reason != instance.reason or new.cause is not instance.cause:
        noted = replace(instance, cause=new.cause, reason=new.reason)
    # The state and the cause do not show whether it is certain, or its path intact.
    return dependents.note_absence(noted, target, at)


def _change_status(
    state: State, instance: Instance, new: TargetStatus, at: Moment
) -> Update:
    changed = replace(
        instance,
        state=new.state,
        cause=new.cause,
        reason=new.reason,
        since=instance.since if new.state is instance.state else at,
    )
    changed = dependents.note_absence(changed, state.target_of(instance), at)
    if new.state in WORKING_STATES:
        changed = _with_fresh_budget(changed)
    after = replace_instances(state, changed)
    touched: tuple[InstanceId, ...] = ()
    if new.state in WORKING_STATES and instance.state not in WORKING_STATES:
        after, touched = dependents.on_dependency_recovered(
            busy_wait.end_waits(after, instance.id.target), changed, instance, at
        )
    note = StateChanged(
        at,
        instance.id,
        instance.name,
        instance.state,
        new.state,
        new.cause,
        new.reason,
        changed.incident,
    )
    return Update(after, (note,), (instance.id, *touched))


def _with_fresh_budget(instance: Instance) -> Instance:
    """Reset budgets, lanes and settling of an instance that works."""
    return replace(
        instance,
        lane=Lane(),
        load_lane=Lane(),
        load_failure=NO_REASON,
        settling=None,
        was_away=False,
    )


_HANDLERS: Mapping[type, Callable[..., Update]] = MappingProxyType(
    {
        ContainersListed: observations.on_containers_listed,
        ContainerEventSeen: observations.on_container_event,
        EngineReachabilityChanged: observations.on_engine_reachability,
        ProbeCompleted: probe_results.on_probe_completed,
        ProcessesInspected: observations.on_processes_inspected,
        EvidenceGathered: observations.on_evidence_gathered,
        DiskExamined: host.on_disk_examined,
        HostMeasured: host.on_host_measured,
        BusyAnswered: busy_wait.on_busy_answered,
        WalletFilesChecked: wallet_files.on_wallet_files_checked,
        DecisionMade: remedy_begin.on_decision_made,
        RemedyExecuted: remedy_execution.on_remedy_executed,
        RemedyProgressed: remedy_execution.on_remedy_progressed,
        PlannedRestartDue: commands.on_planned_restart_due,
        PlannedRestartCancelled: commands.on_planned_restart_cancelled,
        RestartRequested: commands.on_restart_requested,
        PauseRequested: commands.on_pause_requested,
        ResumeRequested: commands.on_resume_requested,
        RecoverRequested: commands.on_recover_requested,
        ReleaseRequested: commands.on_release_requested,
        AckRequested: commands.on_ack_requested,
        SettingsApplied: commands.on_settings_applied,
        SettingsRefused: commands.on_settings_refused,
        LeaseObserved: lease.on_lease_observed,
        TasksPlanned: maintenance.on_tasks_planned,
        WindowsPlanned: maintenance.on_windows_planned,
        TaskDue: maintenance.on_task_due,
        TaskRequested: maintenance.on_task_requested,
        TaskCompleted: maintenance.on_task_completed,
        DrillRequested: _on_drill_event,
        DrillPrepared: _on_drill_event,
        DrillInjected: _on_drill_event,
        DrillUndone: _on_drill_event,
        DrillCancelled: _on_drill_event,
        Tick: _on_tick,
    }
)
