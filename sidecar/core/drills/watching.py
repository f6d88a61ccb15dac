"""A drill under way: what Sidecar detects, decides and does, and when it ends."""

from collections.abc import Sequence

from sidecar.core.drills.objection import chain_of, find_stack_objection
from sidecar.core.drills.phases import end_drill, interrupt_drill
from sidecar.core.drills.verdict import CURES
from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.drill import Drill, DrillAct, DrillPhase, enter_phase
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import Mode
from sidecar.core.model.target_state import BROKEN_STATES, WORKING_STATES, TargetState
from sidecar.core.model.transition import StateChanged, Transition
from sidecar.core.model.update import Update, no_update
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status.current_drill import (
    find_drill_of,
    is_of_drill,
    is_watched,
)

LEFT_ALONE_S = 15.0
"""Time in which a detected fault must be left alone."""

MARGIN_S = 60.0
"""Time beyond the objective after which the drill is given up."""

RUNNER_S = 60.0
"""Time to prepare, to make or to undo a fault."""

MOST_OTHERS = 1000
"""Number of dependents that a drill remembers."""


def watch_drill(
    state: State,
    transitions: Sequence[Transition],
    decisions: Sequence[Decision],
    at: Moment,
) -> Update:
    """The current drill after a step: what was seen, and its next phase."""
    drill = state.drill
    if drill is None:
        return no_update(state)
    drill = _note_others(state, drill, transitions)
    drill = _note_health(state, drill, at)
    drill = _note_decisions(state, drill, decisions)
    state = replace(state, drill=drill)
    why = _find_interruption(state, drill, decisions, at)
    if why:
        return interrupt_drill(state, why, at)
    return _go_on(state, drill, at)


def _note_others(
    state: State, drill: Drill, transitions: Sequence[Transition]
) -> Drill:
    """Note the dependents that the fault has reached."""
    names = dict.fromkeys(drill.others)
    for change in transitions:
        if isinstance(change, StateChanged) and change.instance != drill.instance:
            instance = state.instances.get(change.instance)
            if instance is not None and find_drill_of(state, instance) is not None:
                names[change.name] = None
    return replace(drill, others=tuple(names)[:MOST_OTHERS])


def _note_decisions(state: State, drill: Drill, decisions: Sequence[Decision]) -> Drill:
    if not drill.is_in_force:
        return drill
    for decision in decisions:
        instance = state.instances.get(decision.instance)
        if instance is None or not decision.trigger.is_automatic:
            continue
        is_subject = decision.instance == drill.instance
        is_answer = is_subject and decision.action is not Action.LOOK
        if is_answer and drill.detected is not None and drill.decided is None:
            drill = replace(drill, decided=decision.at)
        if decision.action.changes_something:
            act = _make_act(state, drill, instance, decision)
            drill = replace(drill, acts=(*drill.acts, act))
    return drill


def _make_act(
    state: State, drill: Drill, instance: Instance, decision: Decision
) -> DrillAct:
    is_right = decision.action is Action.LOAD_WALLET
    if instance.id == drill.instance:
        is_right |= drill.fault.rule.is_cured and decision.action in CURES
    else:
        is_right |= find_drill_of(state, instance) is not None
    return DrillAct(
        decision.at.wall, decision.name, decision.action, is_right, decision.reason
    )


def _note_health(state: State, drill: Drill, at: Moment) -> Drill:
    instance = state.instances.get(drill.instance)
    if instance is None:
        return drill
    if drill.recovered is not None:
        has_failed = instance.state in BROKEN_STATES
        return replace(drill, recovered=None) if has_failed else drill
    if drill.detected is None:
        is_detected = is_watched(drill) and _is_detected(drill, instance)
        drill = replace(drill, detected=at) if is_detected else drill
    elif drill.fault.rule.is_cured and instance.state in WORKING_STATES:
        return replace(drill, recovered=at)
    if drill.phase is DrillPhase.RECOVERING and _works_again(drill, instance):
        return replace(drill, recovered=at)
    return drill


def _is_detected(drill: Drill, instance: Instance) -> bool:
    """Is the fault certain?"""
    if drill.fault.rule.interrupts:
        return instance.state in BROKEN_STATES
    return instance.state in BROKEN_STATES | {TargetState.DEGRADED}


def _works_again(drill: Drill, instance: Instance) -> bool:
    """Does it work since the undo?"""
    answered_mono, undone = instance.health.last_success_mono, drill.undone
    if undone is None or answered_mono is None or answered_mono <= undone.mono:
        return False
    if drill.fault.rule.interrupts:
        return instance.state in WORKING_STATES
    return instance.state is TargetState.HEALTHY


def _find_interruption(
    state: State, drill: Drill, decisions: Sequence[Decision], at: Moment
) -> Reason:
    """Why the drill says nothing any more; NO_REASON: it goes on."""
    if drill.interrupted or not _is_before_undo(drill):
        return NO_REASON
    instance = state.instances.get(drill.instance)
    if instance is None:
        return Reason.of(R.DRILL_UNWATCHED)
    if _is_ended_by_others(drill, instance):
        return Reason.of(R.DRILL_NOT_BY_SIDECAR)
    if state.mode_in_force is not Mode.ACT:
        return Reason.of(R.DRILL_OBSERVED)
    for decision in decisions:
        is_other = decision.action.changes_something and not (
            decision.trigger.is_automatic
        )
        if is_other and decision.instance == drill.instance:
            return Reason.of(R.DRILL_CROSSED, action=decision.action)
    return find_stack_objection(state, instance, at) or NO_REASON


def _is_ended_by_others(drill: Drill, instance: Instance) -> bool:
    """Did somebody end a fault that Sidecar has to leave alone?"""
    rule = drill.fault.rule
    if rule.is_cured or not rule.interrupts or drill.detected is None:
        return False
    return instance.state in WORKING_STATES


def _is_before_undo(drill: Drill) -> bool:
    return drill.phase is DrillPhase.PREPARING or is_watched(drill)


def _go_on(state: State, drill: Drill, at: Moment) -> Update:
    drill = _note_slowness(drill, at)
    state = replace(state, drill=drill)
    if drill.phase is DrillPhase.PREPARING and drill.problem:
        return end_drill(state, drill, at)
    if drill.phase is DrillPhase.RECOVERING and _is_settled(state, drill, at):
        return end_drill(state, drill, at)
    if is_watched(drill) and (drill.problem or _is_over(drill, at)):
        undoing = enter_phase(drill, DrillPhase.UNDOING, at)
        return Update(replace(state, drill=undoing), (), ())
    return Update(state, (), ())


def _note_slowness(drill: Drill, at: Moment) -> Drill:
    """The drill whose runner does not answer gets a problem."""
    if at.mono - drill.phase_since.mono <= RUNNER_S:
        return drill
    too_slow = Reason.of(R.DRILL_TOO_SLOW, wait_s=RUNNER_S)
    if drill.phase in {DrillPhase.PREPARING, DrillPhase.INJECTING}:
        return replace(drill, problem=drill.problem or too_slow)
    if drill.phase is DrillPhase.UNDOING:
        return replace(drill, undo_problem=drill.undo_problem or too_slow)
    return drill


def _is_settled(state: State, drill: Drill, at: Moment) -> bool:
    """Would nothing of this drill object to the next one, or did that take too long?"""
    lasts_s = at.mono - drill.phase_since.mono
    if lasts_s > drill.objective.recover_s + MARGIN_S:
        return True
    instance = state.instances.get(drill.instance)
    if instance is None:
        return state.engine.listed_mono is not None
    if drill.recovered is None:
        return False
    return not any(
        member.remedy or member.loading or is_of_drill(state, member, drill)
        for member in chain_of(state, instance)
    )


def _is_over(drill: Drill, at: Moment) -> bool:
    """Is there nothing more to watch?"""
    if drill.injected is None:
        return False
    since_s = at.mono - drill.injected.mono
    if drill.recovered is not None or any(not act.is_right for act in drill.acts):
        return True
    if drill.detected is None:
        return since_s > drill.objective.detect_s + MARGIN_S
    if drill.fault.rule.is_cured:
        return since_s > drill.objective.recover_s + MARGIN_S
    return at.mono - drill.detected.mono >= LEFT_ALONE_S
