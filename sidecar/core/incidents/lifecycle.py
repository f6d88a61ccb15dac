"""Incidents: opened, spread and resolved as the states of targets ask."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core.incidents.first_failure import first_failure_wall
from sidecar.core.incidents.payment_impact import are_stopped
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Action
from sidecar.core.model.incident import Incident, affect, new_id
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.model.target_state import BROKEN_STATES, WORKING_STATES, TargetState
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    Transition,
)
from sidecar.core.model.update import replace_incident
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status import own_network, settling, stop_origin
from sidecar.core.status.dependencies import (
    blocking_dependencies,
    is_blocking,
    is_unconfirmed,
)
from sidecar.core.status.target_status import is_done, may_report

KEPT_INCIDENTS = 200


def update_incidents(
    state: State, touched: tuple[InstanceId, ...], at: Moment
) -> tuple[State, tuple[Transition, ...]]:
    """Open, spread and resolve incidents as the touched instances' states ask."""
    found: list[Transition] = []
    for who in touched:
        instance = state.instances[who]
        if instance.incident is None:
            state = _open_or_join(state, instance, at, found)
        elif instance.state in WORKING_STATES or is_done(instance):
            state = _resolve(state, instance.incident, at, found)
        else:
            state = _join_by_name(state, instance, instance.incident, at, found)
            state = _raise_for_payments(state, instance, instance.incident)
    return state, tuple(found)


def _open_or_join(
    state: State, instance: Instance, at: Moment, found: list[Transition]
) -> State:
    cause = instance.cause
    target = state.target_of(instance)
    if cause is None or not _deserves_incident(instance, target, cause, at):
        return state
    root, waiting = _find_root_problem(state, instance, at)
    if root is not None and root.incident is not None:
        return _join(state, instance, state.incidents[root.incident], at, found)
    if waiting or own_network.is_unconfirmed(state, instance, at):
        return state
    return _open(state, instance, cause, at, found)


def _deserves_incident(
    instance: Instance, target: Target, cause: Cause, at: Moment
) -> bool:
    """Worth an incident? What an operator did himself is not."""
    if instance.state is TargetState.STOPPED or instance.state not in BROKEN_STATES:
        return False
    if _is_first_load(instance) or stop_origin.is_told_to_stop(instance, at.mono):
        return False
    if instance.state is TargetState.RECOVERING and instance.remedy is not None:
        return instance.remedy.first_failure_mono is not None
    return may_report(instance, target, cause, at)


def _is_first_load(instance: Instance) -> bool:
    """Loading needs no threshold: where it helps at once, nobody need hear of it."""
    remedy = instance.remedy
    if remedy is None or instance.looping:
        return False
    loads = remedy.decision.action is Action.LOAD_WALLET
    return loads and instance.health.up is not False


def _find_root_problem(
    state: State, instance: Instance, at: Moment
) -> tuple[Instance | None, bool]:
    """The topmost upstream that does not work; and whether any may yet be blamed."""
    unproven = False
    for root in blocking_dependencies(state, instance.id.target):
        if is_blocking(state, root, at):
            return root, True
        unproven |= is_unconfirmed(state, root, instance, at)
    settling = instance.settling
    follows = settling is not None and at.mono < settling.until_mono
    return None, unproven or follows


def _join_by_name(
    state: State,
    instance: Instance,
    which: str,
    at: Moment,
    found: list[Transition],
) -> State:
    """Who came to it for its restart alone is affected once it fails, too."""
    incident, cause = state.incidents[which], instance.cause
    if cause is None or instance.name in {incident.target, *incident.affected}:
        return state
    is_trouble = _deserves_incident(instance, state.target_of(instance), cause, at)
    if is_trouble or settling.is_following(instance):
        return _join(state, instance, incident, at, found)
    return state


def _join(
    state: State,
    instance: Instance,
    incident: Incident,
    at: Moment,
    found: list[Transition],
) -> State:
    severity = min(incident.severity, _severity(state, instance))
    began = min(incident.since_wall, first_failure_wall(instance, at))
    more = replace(incident, severity=severity, began_wall=began)
    joined = affect(more, instance.name)
    reason = Reason.of(R.INCIDENT_AFFECTS, root=instance.name, reason=instance.reason)
    found.append(
        IncidentChanged(at, joined.id, IncidentStep.AFFECTED, instance.name, reason)
    )
    after = _link_instance(state, instance, joined)
    return _raise_for_payments(after, instance, joined.id)


def _open(
    state: State, instance: Instance, cause: Cause, at: Moment, found: list[Transition]
) -> State:
    incident = Incident(
        new_id(instance.name, at),
        instance.name,
        cause,
        _severity(state, instance),
        at,
        began_wall=first_failure_wall(instance, at),
    )
    reason = Reason.of(
        R.INCIDENT_OPENED,
        root=instance.name,
        state=instance.state,
        reason=instance.reason,
    )
    found.append(
        IncidentChanged(at, incident.id, IncidentStep.OPENED, instance.name, reason)
    )
    return _link_instance(state, instance, incident)


def _severity(state: State, instance: Instance) -> Severity:
    own = state.target_of(instance).severity
    return own or CAUSES[instance.cause or Cause.PROBER_FAILED].severity


def _raise_for_payments(state: State, instance: Instance, which: str) -> State:
    """Where payments need a dependent and it does not work, a P2 of its root is a P1:
    a wrong password alone stops nobody. What the operator says of it counts.
    """
    incident = state.incidents[which]
    said = state.target_of(instance).severity
    if said is not None or instance.name == incident.target:
        return state
    severity = min(incident.severity, Severity.P1)
    if severity == incident.severity or not are_stopped(state, instance):
        return state
    return replace_incident(state, replace(incident, severity=severity))


def _link_instance(state: State, instance: Instance, incident: Incident) -> State:
    marked = {**state.instances, instance.id: replace(instance, incident=incident.id)}
    incidents = {**state.incidents, incident.id: incident}
    while len(incidents) > KEPT_INCIDENTS:
        oldest = next((k for k, v in incidents.items() if not v.open), None)
        if oldest is None:
            break
        del incidents[oldest]
    return replace(
        state,
        instances=MappingProxyType(marked),
        incidents=MappingProxyType(incidents),
    )


def _resolve(state: State, which: str, at: Moment, found: list[Transition]) -> State:
    """Resolved when the root and everything affected work again.

    What an operator has stopped since is his: it is not waited for, but the root.
    """
    part = [i for i in state.instances.values() if i.incident == which]
    incident = state.incidents[which]
    if any(_keeps_open(i, incident) for i in part):
        return state
    why = R.INCIDENT_ENDED_FOR_ALL if incident.affected else R.INCIDENT_ENDED
    return _close(state, incident, why, at, found)


def _keeps_open(instance: Instance, incident: Incident) -> bool:
    if instance.state is TargetState.STOPPED:
        return instance.name == incident.target and not is_done(instance)
    return instance.state not in WORKING_STATES or settling.is_awaited(instance)


def reattach_incidents(state: State) -> State:
    """Those of an open incident whose rows were unreadable are in it again.

    Else nobody would ever resolve it, and the same trouble would open another.
    """
    known = state.instances
    part_of = {
        name: incident.id
        for incident in state.incidents.values()
        if incident.open and not incident.is_fact
        for name in (incident.target, *incident.affected)
    }
    found = {
        i.id: replace(i, incident=part_of[i.name])
        for i in known.values()
        if i.incident is None and i.name in part_of
    }
    return replace(state, instances=MappingProxyType({**known, **found}))


def close_unwatched(state: State, at: Moment) -> tuple[State, tuple[Transition, ...]]:
    """Close the incidents of which nobody is watched any more."""
    found: list[Transition] = []
    alive = {instance.incident for instance in state.instances.values()}
    for incident in state.incidents.values():
        if incident.open and incident.id not in alive and not incident.is_fact:
            state = _close(state, incident, R.INCIDENT_UNWATCHED, at, found)
    return state, tuple(found)


def _close(
    state: State,
    incident: Incident,
    why: R,
    at: Moment,
    found: list[Transition],
) -> State:
    opened = incident.opened_at
    lasted = at.mono - opened.mono + opened.wall - incident.since_wall
    reason = Reason.of(why, root=incident.target, seconds=lasted)
    found.append(
        IncidentChanged(at, incident.id, IncidentStep.RESOLVED, incident.target, reason)
    )
    freed = {
        i.id: replace(i, incident=None)
        for i in state.instances.values()
        if i.incident == incident.id
    }
    closed = {**state.incidents, incident.id: replace(incident, resolved_at=at)}
    return replace(
        state,
        instances=MappingProxyType({**state.instances, **freed}),
        incidents=MappingProxyType(closed),
    )
