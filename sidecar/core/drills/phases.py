"""Requests and results of drills, worked into the state."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from sidecar.core.drills.objection import find_drill_objection
from sidecar.core.drills.verdict import make_record
from sidecar.core.model.container import Status
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import (
    Drill,
    DrillFacts,
    DrillOutcome,
    DrillPhase,
    DrillRecord,
    enter_phase,
)
from sidecar.core.model.drill_event import (
    DrillCancelled,
    DrillEvent,
    DrillInjected,
    DrillPrepared,
    DrillRequested,
    DrillUndone,
)
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.update import Update, no_update, replace_instances
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status import lease as lease_rules
from sidecar.core.status.current_drill import find_drill_of


def reduce_drill_event(state: State, event: DrillEvent) -> Update:
    """Work an event of a drill into the state; one that does not fit is ignored."""
    return _HANDLERS[type(event)](state, event)


def _on_requested(state: State, event: DrillRequested) -> Update:
    """Begin a drill, or record why it may not begin.

    A planned drill is that of the watchdog which has the lease; others say nothing.
    """
    is_planned = event.trigger is Trigger.PLANNED
    if is_planned and not lease_rules.leads(state.lease, event.at.mono):
        return no_update(state)
    objection = find_drill_objection(
        state, event.instance, event.fault, event.facts, event.at, forced=event.forced
    )
    if objection is not None:
        record = _refuse(state, event, objection)
        return Update(state, (), (), drill_records=(record,))
    drill = Drill(
        event.drill_id,
        event.instance,
        _public_name(state, event),
        event.fault,
        event.trigger,
        _objective(state, event),
        event.at,
        DrillPhase.PREPARING,
        event.at,
    )
    return Update(replace(state, drill=drill), (), ())


def _public_name(state: State, event: DrillRequested) -> str:
    instance = state.instances.get(event.instance)
    return event.instance.target if instance is None else instance.name


def _objective(state: State, event: DrillRequested) -> DrillObjective:
    target = state.targets.get(event.instance.target)
    return DrillObjective() if target is None else target.objective


def _refuse(state: State, event: DrillRequested, why: Reason) -> DrillRecord:
    return DrillRecord(
        event.drill_id,
        _public_name(state, event),
        event.fault,
        event.trigger,
        DrillOutcome.REFUSED,
        why,
        _objective(state, event),
        began_wall=event.at.wall,
        ended_wall=event.at.wall,
    )


def _on_prepared(state: State, event: DrillPrepared) -> Update:
    """Keep what the undo needs: only then the fault is made.

    What has failed since the request objects to it.
    """
    drill = _in_phase(state, event.drill_id, DrillPhase.PREPARING)
    if drill is None:
        return no_update(state)
    objection = event.problem if event.undo is None else _find_news(state, drill, event)
    if objection or event.undo is None:
        return end_drill(state, replace(drill, problem=objection), event.at)
    prepared = enter_phase(drill, DrillPhase.INJECTING, event.at)
    state = replace(state, drill=replace(prepared, undo=event.undo))
    instance = state.instances.get(drill.instance)
    if drill.fault is not DrillFault.KILL or instance is None:
        return Update(state, (), ())
    marked = replace(instance, drilled=event.undo.run)
    return Update(replace_instances(state, marked), (), (instance.id,))


def _find_news(state: State, drill: Drill, event: DrillPrepared) -> Reason:
    """Why the drill may no longer go on; its facts were found right before."""
    objection = find_drill_objection(
        replace(state, drill=None),
        drill.instance,
        drill.fault,
        DrillFacts(),
        event.at,
        forced=True,
    )
    return objection or NO_REASON


def _on_injected(state: State, event: DrillInjected) -> Update:
    """The fault is made: watch what happens."""
    drill = _in_phase(state, event.drill_id, DrillPhase.INJECTING)
    if drill is None:
        return no_update(state)
    phase = DrillPhase.UNDOING if event.problem else DrillPhase.WATCHING
    injected = enter_phase(drill, phase, event.at)
    injected = replace(injected, injected=event.at, problem=event.problem)
    return Update(replace(state, drill=injected), (), ())


def _on_undone(state: State, event: DrillUndone) -> Update:
    """The fault is undone, or could not be: the runner goes on trying."""
    drill = state.drill
    if drill is None or drill.id != event.drill_id or not drill.is_in_force:
        return no_update(state)
    if drill.phase is DrillPhase.RECOVERING:
        return no_update(state)
    if drill.phase is not DrillPhase.UNDOING:
        why = Reason.of(R.DRILL_INTERRUPTED)
        drill = replace(drill, problem=why, interrupted=True)
    if event.problem:
        failed = replace(drill, undo_problem=event.problem)
        return Update(replace(state, drill=failed), (), ())
    undone = enter_phase(drill, DrillPhase.RECOVERING, event.at)
    return Update(replace(state, drill=replace(undone, undone=event.at)), (), ())


def _on_cancelled(state: State, event: DrillCancelled) -> Update:
    """End a drill early, on a person's request.

    Of a drill whose undo fails, the person ends the fault.
    """
    drill = state.drill
    if drill is None or drill.id != event.drill_id:
        return no_update(state)
    if drill.phase is DrillPhase.UNDOING and drill.undo_problem:
        return end_drill(state, drill, event.at)
    return interrupt_drill(state, Reason.of(R.DRILL_CANCELLED), event.at)


def interrupt_drill(state: State, why: Reason, at: Moment) -> Update:
    """End the current drill early: undo the fault, if it may have been made."""
    drill = state.drill
    if drill is None or drill.phase in {DrillPhase.UNDOING, DrillPhase.RECOVERING}:
        return no_update(state)
    ended = replace(drill, problem=why, interrupted=True)
    if not drill.is_in_force:
        return end_drill(state, ended, at)
    undoing = enter_phase(ended, DrillPhase.UNDOING, at)
    return Update(replace(state, drill=undoing), (), ())


def end_drill(state: State, drill: Drill, at: Moment) -> Update:
    """End the current drill, and record it; the limits of restarts forget it."""
    record = make_record(drill, at)
    touched = tuple(
        _forget_kill(instance)
        for instance in state.instances.values()
        if find_drill_of(state, instance) is not None
    )
    state = _forget_restarts(state, touched, drill.began.mono)
    ids = tuple(instance.id for instance in touched)
    return Update(replace(state, drill=None), (), ids, drill_records=(record,))


def _forget_kill(instance: Instance) -> Instance:
    """A run that was not killed in the end: from now on somebody else ends it."""
    container = instance.container
    if container is None or container.status is not Status.RUNNING:
        return instance
    if instance.drilled != container.run:
        return instance
    return replace(instance, drilled=None)


def _forget_restarts(
    state: State, instances: Sequence[Instance], since_mono: float
) -> State:
    """A real failure after the drill finds the limits as they were before."""
    counted = [t for i in instances for t in i.counted_mono if t >= since_mono]
    forgotten = (
        replace(
            instance,
            counted_mono=tuple(t for t in instance.counted_mono if t < since_mono),
        )
        for instance in instances
    )
    left = list(state.restarts)
    for time_mono in counted:
        if time_mono in left:
            left.remove(time_mono)
    return replace_instances(replace(state, restarts=tuple(left)), *forgotten)


def _in_phase(state: State, drill_id: str, phase: DrillPhase) -> Drill | None:
    drill = state.drill
    if drill is None or drill.id != drill_id or drill.phase is not phase:
        return None
    return drill


_HANDLERS: Mapping[type, Callable[..., Update]] = MappingProxyType(
    {
        DrillRequested: _on_requested,
        DrillPrepared: _on_prepared,
        DrillInjected: _on_injected,
        DrillUndone: _on_undone,
        DrillCancelled: _on_cancelled,
    }
)
