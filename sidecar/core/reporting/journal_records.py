"""Changes and decisions as JSON-ready records, for the journal and for listeners."""

from sidecar.core.model.decision import Decision
from sidecar.core.model.transition import (
    BalanceCompared,
    IncidentChanged,
    RemedyEnded,
    StateChanged,
    Transition,
)
from sidecar.core.text.formatting import rfc3339

JsonRecord = dict[str, object]


def record_of_transition(what: Transition) -> JsonRecord:
    """A state change, a remedy's outcome, a balance or an incident's step.

    Everyone may listen, so a balance's amounts are not in it.
    """
    match what:
        case StateChanged():
            return {
                "type": "transition",
                "at": rfc3339(what.at.wall),
                "target": what.name,
                "from": what.old,
                "to": what.new,
                "cause": what.cause,
                "reason": str(what.reason),
                "reason_code": what.reason.code,
                "incident": what.incident,
            }
        case RemedyEnded():
            return {
                "type": "outcome",
                "at": rfc3339(what.at.wall),
                "target": what.name,
                "action": what.action,
                "trigger": what.trigger,
                "cause": what.cause,
                "outcome": what.outcome,
                "reason": str(what.reason),
                "reason_code": what.reason.code,
                "seconds": what.seconds,
                "recovery_seconds": what.recovery_s,
                "incident": what.incident,
            }
        case BalanceCompared():
            return {
                "type": "balance",
                "at": rfc3339(what.at.wall),
                "target": what.name,
                "comparison": what.comparison,
                "reason": str(what.reason),
                "reason_code": what.reason.code,
                "incident": what.incident,
            }
        case IncidentChanged():
            return {
                "type": "incident",
                "at": rfc3339(what.at.wall),
                "target": what.target,
                "step": what.step,
                "reason": str(what.reason),
                "reason_code": what.reason.code,
                "incident": what.incident,
            }


def record_of_balance(what: BalanceCompared) -> JsonRecord:
    """With the amounts, as texts by their parts; null: not known."""
    return {
        **record_of_transition(what),
        "before": what.before.texts() if what.before is not None else None,
        "after": what.after.texts() if what.after is not None else None,
    }


def record_of_decision(decision: Decision) -> JsonRecord:
    """What was decided, and why."""
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
