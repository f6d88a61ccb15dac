"""The instance that an incident is about now, and why it does not work now.

An incident keeps the cause that it was opened for. Messages tell the present cause.
"""

from sidecar.core.incidents.escalation import IncidentUrgency
from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.guard import Guard
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import BROKEN_STATES, WORKING_STATES, TargetState
from sidecar.core.reason.reason import Reason
from sidecar.core.status import own_network
from sidecar.core.status.streaks import is_certain
from sidecar.core.status.target_status import describe_exit, may_report

_UNPROBED_STATES = frozenset(
    {TargetState.STOPPED, TargetState.MISSING, TargetState.CRASH_LOOP}
)
"""Probes do not detect these states."""


def root_instance(state: State, incident: Incident) -> Instance | None:
    """The instance that an incident was opened for; None where it no longer exists."""
    return instance_named(state, incident.target)


def find_subject(state: State, incident: Incident) -> Instance | None:
    """The instance that messages are about: the root, then one that is still broken."""
    root = root_instance(state, incident)
    if root is None or root.state not in WORKING_STATES or not incident.open:
        return root
    others = (instance_named(state, name) for name in incident.affected)
    broken_instances = (
        one for one in others if one is not None and one.state not in WORKING_STATES
    )
    return next(broken_instances, root)


def present_cause(incident: Incident, subject: Instance | None) -> Cause:
    """Cause for which the subject does not work now; otherwise the last known cause."""
    told_cause = incident.told_cause or incident.cause
    if incident.is_fact or not incident.open:
        return incident.cause
    if subject is None or subject.state in WORKING_STATES or subject.cause is None:
        return told_cause
    return subject.cause


def certain_cause(state: State, root: Instance | None, at: Moment) -> Cause | None:
    """The present cause, where it is certain and has lasted long enough to report."""
    cause = root.cause if root is not None else None
    if root is None or cause is None or _is_reported_otherwise(cause):
        return None
    target = state.target_of(root)
    if root.state not in BROKEN_STATES or not may_report(root, target, cause, at):
        return None
    if root.state in _UNPROBED_STATES or cause is Cause.NOT_RUNNING:
        return cause
    if own_network.is_loss_unconfirmed(state, root, at):
        return None
    is_of_now = root.health.cause is not None and root.health.last is not None
    certain = is_of_now and is_certain(root.health, target, at.mono)
    return cause if certain else None


def _is_reported_otherwise(cause: Cause) -> bool:
    """Has it a message of its own, or is it known to the person who did it?"""
    return cause is Cause.CRASH_LOOP or CAUSES[cause].is_meant


def describe_measurement(subject: Instance) -> Reason:
    """Reason of the present cause, from the last probe where that failed.

    Where the container does not run, the reason is its exit: a probe cannot know that.
    """
    if subject.state in _UNPROBED_STATES:
        return subject.reason
    if subject.cause is Cause.NOT_RUNNING:
        return describe_exit(subject)
    last = subject.health.last
    failing = last is not None and last.verdict is ProbeVerdict.FAILURE
    return last.reason if last is not None and failing else subject.reason


def assess_urgency(state: State, incident: Incident, at: Moment) -> IncidentUrgency:
    """Facts of the root that make an incident more urgent, or change its cause."""
    root = root_instance(state, incident)
    down = root is not None and root.state in BROKEN_STATES
    instances = (instance_named(state, name) for name in reported_names(root, incident))
    hopeless = any(_needs_person(one) for one in instances if one is not None)
    since_wall = incident.since_wall if down else None
    cause = None if incident.is_fact else certain_cause(state, root, at)
    if root is None or cause is None:
        return IncidentUrgency(since_wall, hopeless)
    severity = state.target_of(root).severity or CAUSES[cause].severity
    return IncidentUrgency(since_wall, hopeless, cause, severity)


def reported_names(root: Instance | None, incident: Incident) -> tuple[str, ...]:
    """Names that messages report on: the root, and once it works the affected."""
    if root is not None and root.state not in WORKING_STATES:
        return (incident.target,)
    return (incident.target, *incident.affected)


def _needs_person(instance: Instance) -> bool:
    if instance.state in WORKING_STATES:
        return False
    decision = instance.last_decision
    is_rate_limited = decision is not None and decision.guard is Guard.RATE_LIMIT
    return is_rate_limited or instance.state is TargetState.DEAD_LETTER


def instance_named(state: State, name: str) -> Instance | None:
    """Find the instance with this public name: its target's, or that with a number.

    It is called for every open incident in every step, so it does not search them all.
    """
    for target in (name, name.rpartition("-")[0]):
        for number in state.numbers.get(target, ()):
            instance = state.instances.get(InstanceId(target, number))
            if instance is not None and instance.name == name:
                return instance
    return None
