"""Changes and decisions as JSON-ready records, for the journal and for listeners."""

from sidecar.core.model.decision import Decision
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.model.transition import (
    BalanceCompared,
    IncidentChanged,
    RemedyEnded,
    StateChanged,
    Transition,
)
from sidecar.core.text.formatting import rfc3339

JsonRecord = dict[str, object]


def record_of_transition(transition: Transition) -> JsonRecord:
    """Record of a state change, a remedy's outcome, a balance or an incident's step.

    Listeners need no permission, so it has no amounts of a balance.
    """
    match transition:
        case StateChanged():
            return {
                "type": "transition",
                "at": rfc3339(transition.at.wall),
                "target": transition.name,
                "from": transition.old,
                "to": transition.new,
                "cause": transition.cause,
                "reason": str(transition.reason),
                "reason_code": transition.reason.code,
                "incident": transition.incident,
            }
        case RemedyEnded():
            return {
                "type": "outcome",
                "at": rfc3339(transition.at.wall),
                "target": transition.name,
                "action": transition.action,
                "trigger": transition.trigger,
                "cause": transition.cause,
                "outcome": transition.outcome,
                "reason": str(transition.reason),
                "reason_code": transition.reason.code,
                "seconds": transition.seconds,
                "recovery_seconds": transition.recovery_s,
                "incident": transition.incident,
            }
        case BalanceCompared():
            return {
                "type": "balance",
                "at": rfc3339(transition.at.wall),
                "target": transition.name,
                "comparison": transition.comparison,
                "reason": str(transition.reason),
                "reason_code": transition.reason.code,
                "incident": transition.incident,
            }
        case IncidentChanged():
            return {
                "type": "incident",
                "at": rfc3339(transition.at.wall),
                "target": transition.target,
                "step": transition.step,
                "reason": str(transition.reason),
                "reason_code": transition.reason.code,
                "incident": transition.incident,
            }


def record_of_balance(compared: BalanceCompared) -> JsonRecord:
    """Record of a balance with its amounts, as texts by parts; null: not known."""
    return {
        **record_of_transition(compared),
        "before": compared.before.texts() if compared.before is not None else None,
        "after": compared.after.texts() if compared.after is not None else None,
    }


def record_of_task_run(run: TaskRun) -> JsonRecord:
    """Record of a maintenance task that began (``outcome`` null) or ended."""
    ended = None if run.outcome is None else rfc3339(run.ended_wall)
    return {
        "type": "task",
        "at": ended or rfc3339(run.began.wall),
        "target": "",
        "incident": None,
        "task": run.task,
        "kind": run.kind,
        "due": rfc3339(run.due_wall),
        "requested": run.is_requested,
        "outcome": run.outcome,
        "reason": str(run.summary),
        "reason_code": run.summary.code,
        "seconds": None if run.outcome is None else run.seconds,
    }


def record_of_decision(decision: Decision) -> JsonRecord:
    """Record of a decision and its reason."""
    return {
        "type": "decision",
        "at": rfc3339(decision.at.wall),
        "target": decision.name,
        "action": decision.action,
        "guard": decision.guard,
        "trigger": decision.trigger,
        "cause": decision.cause,
        "reason": str(decision.reason),
        "reason_code": decision.reason.code,
        "incident": decision.incident,
    }
