"""The current drill: which instances it concerns, and whether people are told."""

from collections.abc import Iterable

from sidecar.core.model.drill import Drill, DrillPhase
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.message import Message
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State


def find_drill_of(state: State, instance: Instance) -> Drill | None:
    """The drill that may have caused a failure of an instance; None: there is none.

    It concerns the drilled instance, and all instances of its dependents.
    """
    drill = state.drill
    if drill is None or not drill.is_in_force:
        return None
    if instance.id == drill.instance:
        return drill
    dependents = state.topology.dependents.get(drill.instance.target, ())
    return drill if instance.id.target in dependents else None


def is_objective_exceeded(drill: Drill, at: Moment) -> bool:
    """Is the drill no longer as it should be, so that people are told?

    That is so after a wrong action or a failed undo, too. What fails after the target
    has recovered may be no part of the drill: it is held no longer than the rest.
    """
    if drill.undo_problem or any(not act.is_right for act in drill.acts):
        return True
    objective = drill.objective
    if drill.undone is not None and at.mono - drill.undone.mono > objective.recover_s:
        return True
    if drill.injected is None:
        return False
    since_s = at.mono - drill.injected.mono
    if drill.fault.rule.is_cured and since_s > objective.recover_s:
        return True
    return is_watched(drill) and drill.detected is None and since_s > objective.detect_s


def is_held(state: State, incident: Incident, at: Moment) -> bool:
    """Are its messages held, because a drill within its objective caused it?"""
    drill = state.drill
    if drill is None or incident.drill != drill.id:
        return False
    return not is_objective_exceeded(drill, at)


def is_of_drill(state: State, instance: Instance, drill: Drill) -> bool:
    """Is the instance in an open incident that the drill caused?"""
    incident = state.incidents.get(instance.incident or "")
    return incident is not None and incident.drill == drill.id


def count_held(state: State, count: int) -> State:
    """The state in which the current drill has held ``count`` more messages."""
    drill = state.drill
    if drill is None or not count:
        return state
    return replace(state, drill=replace(drill, held=drill.held + count))


def count_sent(state: State, messages: Iterable[Message]) -> State:
    """The state in which the messages about the current drill's incidents count."""
    drill = state.drill
    if drill is None:
        return state
    incidents = (state.incidents.get(message.incident) for message in messages)
    count = sum(i is not None and i.drill == drill.id for i in incidents)
    return replace(state, drill=replace(drill, sent=drill.sent + count))


def is_watched(drill: Drill) -> bool:
    """Is the fault in force, or being made?"""
    return drill.phase in {DrillPhase.INJECTING, DrillPhase.WATCHING}
