"""Opening, joining and resolving incidents, as the states of targets require."""

from itertools import islice
from types import MappingProxyType

from sidecar.core.incidents.first_failure import first_failure_wall
from sidecar.core.incidents.payment_impact import are_payments_stopped
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action
from sidecar.core.model.incident import Incident, add_affected, new_id
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.target_state import BROKEN_STATES, WORKING_STATES, TargetState
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    Transition,
)
from sidecar.core.model.update import replace_incident, replace_instances
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status import own_network, settling, stop_origin
from sidecar.core.status.current_drill import find_drill_of
from sidecar.core.status.dependencies import (
    blocking_dependencies,
    is_blocking,
    is_dependency_unconfirmed,
)
from sidecar.core.status.target_status import is_done, may_report

MAX_INCIDENTS = 200
_LOOKED_THROUGH = 2 * MAX_INCIDENTS
"""Thousands may be open at once: only among the oldest is one looked for to forget."""


def update_incidents(
    state: State, touched: tuple[InstanceId, ...], at: Moment
) -> tuple[State, tuple[Transition, ...]]:
    """Open, join and resolve incidents, as the touched instances' states require."""
    transitions: list[Transition] = []
    for instance_id in touched:
        instance = state.instances[instance_id]
        if instance.incident is None:
            state = _open_or_join(state, instance, at, transitions)
        elif instance.state in WORKING_STATES or is_done(instance):
            state = _resolve(state, instance.incident, at, transitions)
        else:
            state = _join_follower(state, instance, instance.incident, at, transitions)
            state = _raise_for_payments(state, instance, instance.incident)
    return state, tuple(transitions)


def _open_or_join(
    state: State, instance: Instance, at: Moment, transitions: list[Transition]
) -> State:
    cause = instance.cause
    target = state.target_of(instance)
    if cause is None or not _deserves_incident(instance, target, cause, at):
        return state
    root, waiting = _find_root_problem(state, instance, at)
    if root is not None and root.incident is not None:
        return _join(state, instance, state.incidents[root.incident], at, transitions)
    if waiting or own_network.is_loss_unconfirmed(state, instance, at):
        return state
    return _open(state, instance, cause, at, transitions)


def _deserves_incident(
    instance: Instance, target: Target, cause: Cause, at: Moment
) -> bool:
    """Is it worth an incident? What an operator did on purpose is not."""
    if instance.state is TargetState.STOPPED or instance.state not in BROKEN_STATES:
        return False
    if _is_first_load(instance) or stop_origin.is_told_to_stop(instance, at.mono):
        return False
    if instance.state is TargetState.RECOVERING and instance.remedy is not None:
        return instance.remedy.first_failure_mono is not None
    return may_report(instance, target, cause, at)


def _is_first_load(instance: Instance) -> bool:
    """Is it a first load? It needs no message where it helps at once."""
    remedy = instance.remedy
    if remedy is None or instance.looping:
        return False
    loads = remedy.decision.action is Action.LOAD_WALLET
    return loads and instance.health.up is not False


def _find_root_problem(
    state: State, instance: Instance, at: Moment
) -> tuple[Instance | None, bool]:
    """Topmost upstream that does not work; and whether one may still prove broken."""
    unproven = False
    for root in blocking_dependencies(state, instance.id.target):
        if is_blocking(state, root, at):
            return root, True
        unproven |= is_dependency_unconfirmed(state, root, instance, at)
    settling = instance.settling
    follows = settling is not None and at.mono < settling.until_mono
    return None, unproven or follows


def _join_follower(
    state: State,
    instance: Instance,
    incident_id: str,
    at: Moment,
    transitions: list[Transition],
) -> State:
    """Add a follower, which was only restarted so far, once it fails as well."""
    incident, cause = state.incidents[incident_id], instance.cause
    if cause is None or instance.name in {incident.target, *incident.affected}:
        return state
    is_trouble = _deserves_incident(instance, state.target_of(instance), cause, at)
    if is_trouble or settling.is_following(instance):
        return _join(state, instance, incident, at, transitions)
    return state


def _join(
    state: State,
    instance: Instance,
    incident: Incident,
    at: Moment,
    transitions: list[Transition],
) -> State:
    severity = min(incident.severity, _severity(state, instance))
    began_wall = min(incident.since_wall, first_failure_wall(instance, at))
    updated = replace(incident, severity=severity, began_wall=began_wall)
    joined = add_affected(updated, instance.name)
    reason = Reason.of(R.INCIDENT_AFFECTS, root=instance.name, reason=instance.reason)
    transitions.append(
        IncidentChanged(at, joined.id, IncidentStep.AFFECTED, instance.name, reason)
    )
    after = _link_instance(state, instance, joined, at)
    return _raise_for_payments(after, instance, joined.id)


def _open(
    state: State,
    instance: Instance,
    cause: Cause,
    at: Moment,
    transitions: list[Transition],
) -> State:
    drill = find_drill_of(state, instance)
    incident = Incident(
        new_id(instance.name, at),
        instance.name,
        cause,
        _severity(state, instance),
        at,
        began_wall=first_failure_wall(instance, at),
        drill="" if drill is None else drill.id,
    )
    reason = Reason.of(
        R.INCIDENT_OPENED,
        root=instance.name,
        state=instance.state,
        reason=instance.reason,
    )
    transitions.append(
        IncidentChanged(at, incident.id, IncidentStep.OPENED, instance.name, reason)
    )
    return _link_instance(state, instance, incident, at)


def _severity(state: State, instance: Instance) -> Severity:
    own = state.target_of(instance).severity
    return own or CAUSES[instance.cause or Cause.PROBER_FAILED].severity


def _raise_for_payments(state: State, instance: Instance, incident_id: str) -> State:
    """Raise a P2 to P1 where payments need the dependent and it does not work.

    A cause such as a wrong password alone stops no payments. A severity that the
    operator has declared for the dependent takes precedence.
    """
    incident = state.incidents[incident_id]
    own_severity = state.target_of(instance).severity
    if own_severity is not None or instance.name == incident.target:
        return state
    severity = min(incident.severity, Severity.P1)
    if severity == incident.severity or not are_payments_stopped(state, instance):
        return state
    return replace_incident(state, replace(incident, severity=severity))


def _link_instance(
    state: State, instance: Instance, incident: Incident, at: Moment
) -> State:
    """An incident that this step has resolved stays: its end is not stored yet."""
    marked = replace_instances(state, replace(instance, incident=incident.id))
    incidents = {**state.incidents, incident.id: incident}
    while len(incidents) > MAX_INCIDENTS:
        old = islice(incidents.items(), _LOOKED_THROUGH)
        oldest = next((k for k, v in old if not (v.open or v.resolved_at == at)), None)
        if oldest is None:
            break
        del incidents[oldest]
    return replace(marked, incidents=MappingProxyType(incidents))


def _resolve(
    state: State, incident_id: str, at: Moment, transitions: list[Transition]
) -> State:
    """Resolve an incident once the root and all that it affected work again.

    An instance that an operator has stopped since is not waited for, unless it is the
    root.
    """
    members = [i for i in state.instances.in_incident() if i.incident == incident_id]
    incident = state.incidents[incident_id]
    if any(_keeps_open(i, incident) for i in members):
        return state
    code = R.INCIDENT_ENDED_FOR_ALL if incident.affected else R.INCIDENT_ENDED
    return _close(state, incident, code, at, transitions)


def _keeps_open(instance: Instance, incident: Incident) -> bool:
    if instance.state is TargetState.STOPPED:
        return instance.name == incident.target and not is_done(instance)
    return instance.state not in WORKING_STATES or settling.is_awaited(instance)


def reattach_incidents(state: State) -> State:
    """Attach instances whose rows were unreadable to their open incident again.

    Otherwise it would never be resolved, and the same failure would open another.
    """
    incident_ids = {
        name: incident.id
        for incident in state.incidents.values()
        if incident.open and not incident.is_fact
        for name in (incident.target, *incident.affected)
    }
    reattached = (
        replace(i, incident=incident_ids[i.name])
        for i in state.instances.values()
        if i.incident is None and i.name in incident_ids
    )
    return replace_instances(state, *reattached)


def close_unwatched(state: State, at: Moment) -> tuple[State, tuple[Transition, ...]]:
    """Close the incidents whose instances are all no longer watched."""
    transitions: list[Transition] = []
    watched_ids = {instance.incident for instance in state.instances.in_incident()}
    damaged = {i.name for i in state.instances.values() if i.wallet_damage is not None}
    for incident in state.incidents.values():
        if incident.is_fact:
            is_watched = incident.closes_by_ack or incident.target in damaged
        else:
            is_watched = incident.id in watched_ids
        if incident.open and not is_watched:
            state = _close(state, incident, R.INCIDENT_UNWATCHED, at, transitions)
    return state, tuple(transitions)


def _close(
    state: State,
    incident: Incident,
    code: R,
    at: Moment,
    transitions: list[Transition],
) -> State:
    opened = incident.opened_at
    lasted_s = at.mono - opened.mono + opened.wall - incident.since_wall
    reason = Reason.of(code, root=incident.target, seconds=lasted_s)
    transitions.append(
        IncidentChanged(at, incident.id, IncidentStep.RESOLVED, incident.target, reason)
    )
    freed = (
        replace(i, incident=None)
        for i in state.instances.in_incident()
        if i.incident == incident.id
    )
    closed = replace(incident, resolved_at=at)
    return replace_incident(replace_instances(state, *freed), closed)
