"""What people and schedules ask for."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core.incidents.escalation import acknowledge
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
from sidecar.core.model.state import State
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyOutcome,
    Transition,
)
from sidecar.core.model.update import (
    Update,
    replace_incident,
    replace_instances,
    unchanged,
    update_instance,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.recovery import planned_restart
from sidecar.core.recovery.remedy_end import end_remedy
from sidecar.core.status import crash_loop, expected_wallets


def on_planned_restart_due(state: State, event: PlannedRestartDue) -> Update:
    """A planned restart waits for its turn from now on."""
    if event.target not in state.targets or event.target in state.due:
        return unchanged(state)
    touched = tuple(i.id for i in state.replicas(event.target))
    return Update(planned_restart.mark_due(state, event.target, event.at), (), touched)


def on_planned_restart_cancelled(
    state: State, event: PlannedRestartCancelled
) -> Update:
    """Nothing more of a planned restart."""
    return Update(planned_restart.cancel_plan(state, event.target), (), ())


def on_restart_requested(state: State, event: RestartRequested) -> Update:
    """Somebody wants an instance, or the first of a target, restarted."""
    for instance in state.instances.values():
        if instance.name == event.target:
            return update_instance(
                state, replace(instance, asked=True, asked_now=event.now)
            )
    return unchanged(state)


def on_pause_requested(state: State, event: PauseRequested) -> Update:
    """No acting and telling for some targets, until a time or for good."""
    until = float("inf") if event.until_wall is None else event.until_wall
    paused = {**state.paused, **dict.fromkeys(event.targets, until)}
    return _replace_pauses(state, paused)


def on_resume_requested(state: State, event: ResumeRequested) -> Update:
    """The pause of some targets is over."""
    paused = {k: v for k, v in state.paused.items() if k not in event.targets}
    return _replace_pauses(state, paused)


def _replace_pauses(state: State, paused: dict[str, float]) -> Update:
    after = replace(state, paused=MappingProxyType(paused))
    return Update(after, (), tuple(state.instances))


def on_settings_applied(state: State, event: SettingsApplied) -> Update:
    """The file's settings of the whole stack are in force from now on."""
    known = state.settings
    faulty_since = known.since if known.faults else None
    view = replace(known, faults="", since=event.at, faulty_since=faulty_since)
    after = replace(state, mode=event.mode, notify=event.notify, settings=view)
    return Update(after, (), tuple(state.instances))


def on_settings_refused(state: State, event: SettingsRefused) -> Update:
    """While older settings are in force, the file's faults are the present ones.

    Whoever reloads is told of them already.
    """
    view = state.settings
    if not view.faults:
        return unchanged(state)
    told = event.faults if view.told else ""
    changed = replace(view, faults=event.faults, told=told)
    return Update(replace(state, settings=changed), (), ())


def on_recover_requested(state: State, event: RecoverRequested) -> Update:
    """A person says that it was mended: budgets, lanes and ledger begin anew.

    So does the memory of its wallets: those that are loaded now are the right ones,
    where any is.
    What is verified is over: what still fails is treated at once.
    """
    meant = [
        i for i in state.instances.values() if event.target in {i.name, i.id.target}
    ]
    ended: list[Transition] = []
    for instance in meant:
        over = _end_verification(state, instance, event.at)
        state = over.state
        ended.extend(over.transitions)
    found = [_with_fresh_memory(state.instances[i.id]) for i in meant]
    mended = {i.id.target for i in found}
    ledger = {k: v for k, v in state.ledger.items() if k.target not in mended}
    after = replace(replace_instances(state, *found), ledger=MappingProxyType(ledger))
    return Update(after, tuple(ended), tuple(i.id for i in found))


def _end_verification(state: State, instance: Instance, at: Moment) -> Update:
    remedy = instance.remedy
    if remedy is None or remedy.phase is not RemedyPhase.VERIFYING:
        return unchanged(state)
    reason = Reason.of(R.ENDED_BY_RECOVER)
    return end_remedy(state, instance, RemedyOutcome.UNKNOWN, reason, at)


def _with_fresh_memory(instance: Instance) -> Instance:
    anew = replace(
        crash_loop.end_crash_loop(instance),
        lane=Lane(),
        load_lane=Lane(),
        refused_starts=0,
    )
    if not expected_wallets.has_loaded(instance):
        return anew
    return replace(anew, wallets=(), wallets_run=None)


def on_ack_requested(state: State, event: AckRequested) -> Update:
    """Somebody takes care of an incident."""
    incident = state.incidents.get(event.incident)
    if incident is None or not incident.open:
        return unchanged(state)
    acked = acknowledge(incident, event.at, event.by)
    step = IncidentChanged(
        event.at,
        incident.id,
        IncidentStep.ACKNOWLEDGED,
        incident.target,
        Reason.of(R.INCIDENT_ACKNOWLEDGED, said=event.by),
    )
    if not acked.is_fact:
        return Update(replace_incident(state, acked), (step,), ())
    closed = replace(acked, resolved_at=event.at)
    why = Reason.of(R.INCIDENT_FACT_CLOSED)
    end = IncidentChanged(
        event.at, closed.id, IncidentStep.RESOLVED, closed.target, why
    )
    return Update(replace_incident(state, closed), (step, end), ())


def on_release_requested(state: State, event: ReleaseRequested) -> Update:
    """A person gives up on a remedy that is under way, and on a load within it."""
    for instance in state.instances.values():
        if event.target not in {instance.name, instance.id.target}:
            continue
        if instance.remedy is None and instance.loading is None:
            continue
        # Whether the load came to something is for a probe to say that begins now.
        called = event.at.mono if instance.loading is not None else instance.called_mono
        left = replace(instance, loading=None, called_mono=called)
        if left.remedy is None:
            return update_instance(state, left)
        reason = Reason.of(R.ENDED_BY_RELEASE)
        unknown = RemedyOutcome.UNKNOWN
        return end_remedy(state, left, unknown, reason, event.at)
    return unchanged(state)
