"""Requests of people and schedules, worked into the state."""

from types import MappingProxyType

from sidecar.core.incidents.escalation import acknowledge
from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.model.event import (
    AckRequested,
    PauseRequested,
    PlannedRestartCancelled,
    PlannedRestartDue,
    RecoverRequested,
    ReleaseRequested,
    RestartRequested,
    ResumeRequested,
    SettingsApplied,
    SettingsRefused,
)
from sidecar.core.model.instance import Instance, RemedyPhase
from sidecar.core.model.lane import Lane
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyOutcome,
    Transition,
)
from sidecar.core.model.update import (
    Update,
    no_update,
    replace_incident,
    replace_instances,
    update_instance,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import limit_restart, planned_restart, wallet_damage
from sidecar.core.recovery.remedy_end import end_remedy
from sidecar.core.status import crash_loop, expected_wallets


def on_planned_restart_due(state: State, event: PlannedRestartDue) -> Update:
    """Make a planned restart wait for its turn."""
    if event.target not in state.targets:
        return no_update(state)
    touched = tuple(i.id for i in state.replicas(event.target))
    preventive, why = state.targets[event.target].preventive, Reason.of(R.PLAN_DUE)
    if preventive is not None and preventive.before_limit:
        last = limit_restart.find_last_quiet_time(
            state, event.target, event.next_wall, event.at
        )
        if last is None:
            return no_update(state)
        why = last
    due = planned_restart.mark_due(state, event.target, why, event.at)
    return Update(due, (), touched)


def on_planned_restart_cancelled(
    state: State, event: PlannedRestartCancelled
) -> Update:
    """Cancel a planned restart."""
    touched: tuple[InstanceId, ...] = ()
    if event.target in state.targets:
        touched = planned_restart.instances_to_restart(state, event.target)
    return Update(planned_restart.cancel_plan(state, event.target), (), touched)


def on_restart_requested(state: State, event: RestartRequested) -> Update:
    """Note the request to restart an instance, or all replicas of a target, by name."""
    instance = instance_named(state, event.target)
    if instance is not None:
        return update_instance(
            state, replace(instance, asked=True, asked_now=event.now)
        )
    if event.target not in state.targets:
        return no_update(state)
    new_state = planned_restart.begin_rolling_restart(
        state, event.target, event.at, forced=event.now
    )
    return Update(new_state, (), tuple(i.id for i in state.replicas(event.target)))


def on_pause_requested(state: State, event: PauseRequested) -> Update:
    """Pause remedies and messages for some targets, until a time or for good."""
    until = float("inf") if event.until_wall is None else event.until_wall
    paused = {**state.paused, **dict.fromkeys(event.targets, until)}
    return _replace_pauses(state, paused)


def on_resume_requested(state: State, event: ResumeRequested) -> Update:
    """End the pause of some targets."""
    paused = {k: v for k, v in state.paused.items() if k not in event.targets}
    return _replace_pauses(state, paused)


def _replace_pauses(state: State, paused: dict[str, float]) -> Update:
    after = replace(state, paused=MappingProxyType(paused))
    return Update(after, (), tuple(state.instances))


def on_settings_applied(state: State, event: SettingsApplied) -> Update:
    """Put the stack settings of the configuration file in force."""
    before = state.settings
    faulty_since = before.since if before.faults else None
    view = replace(before, faults="", since=event.at, faulty_since=faulty_since)
    after = replace(state, mode=event.mode, notify=event.notify, settings=view)
    return Update(after, (), tuple(state.instances))


def on_settings_refused(state: State, event: SettingsRefused) -> Update:
    """Note the file's present faults, while older settings are in force.

    The person who reloads has been told of them already.
    """
    view = state.settings
    if not view.faults:
        return no_update(state)
    told_faults = event.faults if view.reported_faults else ""
    changed = replace(view, faults=event.faults, reported_faults=told_faults)
    return Update(replace(state, settings=changed), (), ())


def on_recover_requested(state: State, event: RecoverRequested) -> Update:
    """Reset budgets, lanes and ledger of targets that a person has repaired.

    Its known wallets are reset, too: where any are loaded now, they are the right ones.
    A verification ends: an instance that still fails is treated at once.
    """
    instances = [
        i for i in state.instances.values() if event.target in {i.name, i.id.target}
    ]
    ended: list[Transition] = []
    for instance in instances:
        update = _end_verification(state, instance, event.at)
        state = update.state
        ended.extend(update.transitions)
        update = wallet_damage.end_damage(state, state.instances[instance.id], event.at)
        state = update.state
        ended.extend(update.transitions)
    refreshed = [_with_fresh_memory(state.instances[i.id]) for i in instances]
    targets = {i.id.target for i in refreshed}
    ledger = {k: v for k, v in state.ledger.items() if k.target not in targets}
    after = replace(
        replace_instances(state, *refreshed), ledger=MappingProxyType(ledger)
    )
    return Update(after, tuple(ended), tuple(i.id for i in refreshed))


def _end_verification(state: State, instance: Instance, at: Moment) -> Update:
    remedy = instance.remedy
    if remedy is None or remedy.phase is not RemedyPhase.VERIFYING:
        return no_update(state)
    reason = Reason.of(R.ENDED_BY_RECOVER)
    return end_remedy(state, instance, RemedyOutcome.UNKNOWN, reason, at)


def _with_fresh_memory(instance: Instance) -> Instance:
    refreshed = replace(
        crash_loop.end_crash_loop(instance),
        lane=Lane(),
        load_lane=Lane(),
        refused_starts=0,
    )
    if not expected_wallets.has_loaded(instance):
        return refreshed
    return replace(refreshed, wallets=(), wallets_run=None)


def on_ack_requested(state: State, event: AckRequested) -> Update:
    """Note that a person has acknowledged an incident."""
    incident = state.incidents.get(event.incident)
    if incident is None or not incident.open:
        return no_update(state)
    acked = acknowledge(incident, event.at, event.by)
    step = IncidentChanged(
        event.at,
        incident.id,
        IncidentStep.ACKNOWLEDGED,
        incident.target,
        Reason.of(R.INCIDENT_ACKNOWLEDGED, said=event.by),
    )
    if not acked.closes_by_ack:
        return Update(replace_incident(state, acked), (step,), ())
    closed = replace(acked, resolved_at=event.at)
    why = Reason.of(R.INCIDENT_FACT_CLOSED)
    end = IncidentChanged(
        event.at, closed.id, IncidentStep.RESOLVED, closed.target, why
    )
    return Update(replace_incident(state, closed), (step, end), ())


def on_release_requested(state: State, event: ReleaseRequested) -> Update:
    """End a remedy under way, and a load within it, on a person's request."""
    for instance in state.instances.in_remedy():
        if event.target not in {instance.name, instance.id.target}:
            continue
        # A probe that begins from now on shows whether the load helped.
        called_mono = (
            event.at.mono if instance.loading is not None else instance.called_mono
        )
        released = replace(instance, loading=None, called_mono=called_mono)
        if released.remedy is None:
            return update_instance(state, released)
        reason = Reason.of(R.ENDED_BY_RELEASE)
        unknown = RemedyOutcome.UNKNOWN
        return end_remedy(state, released, unknown, reason, event.at)
    return no_update(state)
