"""The verdict on a drill, from what was watched."""

from sidecar.core.model.decision import Action
from sidecar.core.model.drill import Drill, DrillOutcome, DrillRecord
from sidecar.core.model.moment import Moment
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason

CURES = frozenset({Action.START, Action.RESTART})


def make_record(drill: Drill, at: Moment) -> DrillRecord:
    """The record of a drill that ends now."""
    outcome, reason = judge_drill(drill)
    return DrillRecord(
        drill.id,
        drill.name,
        drill.fault,
        drill.trigger,
        outcome,
        reason,
        drill.objective,
        began_wall=drill.began.wall,
        ended_wall=at.wall,
        injected_wall=None if drill.injected is None else drill.injected.wall,
        undone_wall=None if drill.undone is None else drill.undone.wall,
        detect_s=seconds_between(drill.injected, drill.detected),
        decide_s=seconds_between(drill.injected, drill.decided),
        recover_s=recover_s(drill),
        acts=drill.acts,
        others=drill.others,
        held=drill.held,
        sent=drill.sent,
        undo_problem=drill.undo_problem,
    )


def judge_drill(drill: Drill) -> tuple[DrillOutcome, Reason]:
    """The outcome, with the first reason for it."""
    if drill.undo_problem:
        why = Reason.of(R.DRILL_UNDO_FAILED, reason=drill.undo_problem)
        return DrillOutcome.FAILED, why
    wrong = next((act for act in drill.acts if not act.is_right), None)
    if wrong is not None:
        why = Reason.of(R.DRILL_WRONG_ACT, action=wrong.action, root=wrong.name)
        return DrillOutcome.FAILED, why
    if drill.interrupted:
        return DrillOutcome.INTERRUPTED, drill.problem
    if drill.problem:
        return DrillOutcome.REFUSED, drill.problem
    if _is_cured_by_others(drill):
        return DrillOutcome.INTERRUPTED, Reason.of(R.DRILL_NOT_BY_SIDECAR)
    return _judge_times(drill)


def _is_cured_by_others(drill: Drill) -> bool:
    """Did it work again before the undo, although Sidecar did not cure it?"""
    recovered, undone = drill.recovered, drill.undone
    if not drill.fault.rule.is_cured or recovered is None:
        return False
    if any(act.name == drill.name and act.action in CURES for act in drill.acts):
        return False
    return undone is None or recovered.mono < undone.mono


def _judge_times(drill: Drill) -> tuple[DrillOutcome, Reason]:
    objective = drill.objective
    detect_s, back_s = seconds_between(drill.injected, drill.detected), recover_s(drill)
    if back_s is None:
        return DrillOutcome.FAILED, Reason.of(R.DRILL_NOT_RECOVERED)
    if detect_s is None:
        why = Reason.of(R.DRILL_NOT_DETECTED, wait_s=objective.detect_s)
        return DrillOutcome.MISSED, why
    if detect_s > objective.detect_s:
        code, seconds, wait_s = R.DRILL_DETECTED_LATE, detect_s, objective.detect_s
    elif back_s > objective.recover_s:
        code, seconds, wait_s = R.DRILL_RECOVERED_LATE, back_s, objective.recover_s
    else:
        is_cured = drill.fault.rule.is_cured
        code = R.DRILL_CURED if is_cured else R.DRILL_LEFT_ALONE
        why = Reason.of(code, seconds=detect_s, recover_s=back_s)
        return DrillOutcome.PASSED, why
    return DrillOutcome.MISSED, Reason.of(code, seconds=seconds, wait_s=wait_s)


def recover_s(drill: Drill) -> float | None:
    """Seconds until the target worked again, from the fault or from its end."""
    begin = drill.injected if drill.fault.rule.is_cured else drill.undone
    return seconds_between(begin, drill.recovered)


def seconds_between(begin: Moment | None, end: Moment | None) -> float | None:
    """Seconds from one moment to the other; None: one of them is not known.

    The engine's event may come before the answer to the call that caused it.
    """
    if begin is None or end is None:
        return None
    return max(0.0, end.mono - begin.mono)
