"""Whom an incident is about now, and why that does not work now.

An incident keeps the cause that it was opened for. What people are told is the present.
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

_BY_ITS_STATE = frozenset(
    {TargetState.STOPPED, TargetState.MISSING, TargetState.CRASH_LOOP}
)
"""No probe tells of these."""

_TOLD_OTHERWISE = frozenset({Cause.CRASH_LOOP, Cause.STOPPED, Cause.PAUSED})
"""A loop has a message of its own; who stops something during an incident knows."""


def root_instance(state: State, incident: Incident) -> Instance | None:
    """The instance that an incident was opened for; None where it is gone."""
    return instance_named(state, incident.target)


def find_subject(state: State, incident: Incident) -> Instance | None:
    """Whom people are told of: the root, and once it works who does not yet."""
    root = root_instance(state, incident)
    if root is None or root.state not in WORKING_STATES or not incident.open:
        return root
    others = (instance_named(state, name) for name in incident.affected)
    left = (
        one for one in others if one is not None and one.state not in WORKING_STATES
    )
    return next(left, root)


def present_cause(incident: Incident, subject: Instance | None) -> Cause:
    """Why it does not work now, as far as that was seen."""
    known = incident.told_cause or incident.cause
    if incident.is_fact or not incident.open:
        return incident.cause
    if subject is None or subject.state in WORKING_STATES or subject.cause is None:
        return known
    return subject.cause


def certain_cause(state: State, root: Instance | None, at: Moment) -> Cause | None:
    """The present cause, where it is certain and has lasted long enough to be told."""
    cause = root.cause if root is not None else None
    if root is None or cause is None or cause in _TOLD_OTHERWISE:
        return None
    target = state.target_of(root)
    if root.state not in BROKEN_STATES or not may_report(root, target, cause, at):
        return None
    if root.state in _BY_ITS_STATE or cause is Cause.NOT_RUNNING:
        return cause
    if own_network.is_unconfirmed(state, root, at):
        return None
    is_of_now = root.health.cause is not None and root.health.last is not None
    certain = is_of_now and is_certain(root.health, target, at.mono)
    return cause if certain else None


def describe_measurement(subject: Instance) -> Reason:
    """What was seen of the present cause, in the words of the probe where one tells.

    Of a container that does not run a probe says what its end looks like from afar.
    """
    if subject.state in _BY_ITS_STATE:
        return subject.reason
    if subject.cause is Cause.NOT_RUNNING:
        return describe_exit(subject)
    last = subject.health.last
    failing = last is not None and last.verdict is ProbeVerdict.FAILURE
    return last.reason if last is not None and failing else subject.reason


def assess_urgency(state: State, incident: Incident, at: Moment) -> IncidentUrgency:
    """What of its root makes an incident more urgent, or another one."""
    root = root_instance(state, incident)
    down = root is not None and root.state in BROKEN_STATES
    who = (instance_named(state, name) for name in reported_names(root, incident))
    hopeless = any(_needs_person(one) for one in who if one is not None)
    since = incident.since_wall if down else None
    cause = None if incident.is_fact else certain_cause(state, root, at)
    if root is None or cause is None:
        return IncidentUrgency(since, hopeless)
    severity = state.target_of(root).severity or CAUSES[cause].severity
    return IncidentUrgency(since, hopeless, cause, severity)


def reported_names(root: Instance | None, incident: Incident) -> tuple[str, ...]:
    """Whose trouble is told: the root's, and once it works the others'."""
    if root is not None and root.state not in WORKING_STATES:
        return (incident.target,)
    return (incident.target, *incident.affected)


def _needs_person(instance: Instance) -> bool:
    if instance.state in WORKING_STATES:
        return False
    decision = instance.last_decision
    braked = decision is not None and decision.guard is Guard.RATE_LIMIT
    return braked or instance.state is TargetState.DEAD_LETTER


def instance_named(state: State, name: str) -> Instance | None:
    """The instance with this public name: its target's, or with its number. Asked for
    every open incident at every turn, so not all are looked through.
    """
    for target in (name, name.rpartition("-")[0]):
        for number in state.numbers.get(target, ()):
            instance = state.instances.get(InstanceId(target, number))
            if instance is not None and instance.name == name:
                return instance
    return None
