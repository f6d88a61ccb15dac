"""Dependents after their root: their time to recover, and their restarts.

Their restarts belong to the root's incident, which ends after them.
"""

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.decision import Decision, Trigger
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance, Settling
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import AfterDependency, InstanceId, Target
from sidecar.core.model.target_state import BROKEN_STATES, WORKING_STATES, TargetState
from sidecar.core.model.update import replace_instances
from sidecar.core.status.presumed_dependencies import presumed_dependents
from sidecar.core.status.settling import is_following
from sidecar.core.status.streaks import is_certain

_ABSENT = frozenset({TargetState.STOPPED, TargetState.MISSING, TargetState.CRASH_LOOP})


def _serves_nobody(instance: Instance) -> bool:
    return instance.cause is not None and CAUSES[instance.cause].serves_nobody


def note_absence(instance: Instance, target: Target, at: Moment) -> Instance:
    """Note that dependents could not reach it, until it works again."""
    if instance.was_away or not _is_away(instance, target, at):
        return instance
    return replace(instance, was_away=True)


def _is_away(instance: Instance, target: Target, at: Moment) -> bool:
    if instance.state in _ABSENT:
        return True
    if instance.state is not TargetState.DOWN or not _serves_nobody(instance):
        return False
    if instance.cause is Cause.NOT_RUNNING:
        return True
    last = instance.health.last
    # A target that only Sidecar cannot reach is not away.
    reached = last is None or not last.path_fault
    return reached and is_certain(instance.health, target, at.mono)


def on_dependency_recovered(
    state: State, root: Instance, before: Instance, at: Moment
) -> tuple[State, tuple[InstanceId, ...]]:
    """Give the dependents of a root that works again their time to recover."""
    if before.state is TargetState.UNKNOWN:
        return state, ()
    was_down = before.state in BROKEN_STATES or root.incident is not None
    planned = state.plan is not None and state.plan.target == root.id.target
    followers = []
    for instance in state.dependents(root.id.target):
        target = state.target_of(instance)
        always = target.after_dependency is AfterDependency.ALWAYS
        must = always and was_down and before.was_away and not planned
        # A root that fails for a moment again and again gives no more time.
        anew = was_down or instance.settling is None
        if must or (anew and instance.state not in WORKING_STATES):
            settling = Settling(root.name, at.mono + target.settle_s)
            follower = replace(instance, settling=settling)
            followers.append(
                _join_incident(_with_owed_restart(follower) if must else follower, root)
            )
    presumed = presumed_dependents(state, root.id.target) if was_down else ()
    for instance in presumed:
        if instance.health.failures:
            settle_s = state.target_of(instance).settle_s
            settling = Settling(root.name, at.mono + settle_s)
            followers.append(replace(instance, settling=settling))
    return (replace_instances(state, *followers) if followers else state), tuple(
        i.id for i in followers
    )


def _with_owed_restart(instance: Instance) -> Instance:
    """Mark it for a restart; the last decision on it was not about that restart."""
    return replace(instance, must_restart=True, last_decision=None)


def _join_incident(follower: Instance, root: Instance) -> Instance:
    """Add it to the root's incident, where it is restarted or fails with the root."""
    if follower.incident is not None or root.incident is None:
        return follower
    if not (follower.must_restart or is_following(follower)):
        return follower
    return replace(follower, incident=root.incident)


def drop_hopeless_restart(instance: Instance, decision: Decision) -> Instance:
    """Drop an owed restart once a decision says that it is held back for good."""
    is_ours = decision.trigger is Trigger.DEPENDENCY and instance.must_restart
    if not is_ours or not decision.guard.rule.is_permanent:
        return instance
    return replace(instance, must_restart=False, settling=None)


def add_follower(incident: Incident, decision: Decision) -> Incident:
    """Add an instance that was restarted after the root to the incident, once."""
    by_root = decision.trigger is Trigger.DEPENDENCY
    if not by_root or not decision.action.changes_something:
        return incident
    names = dict.fromkeys((*incident.followers, decision.name))
    return replace(incident, followers=tuple(names))
