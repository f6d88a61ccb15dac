"""Messages about drills themselves: an undo that failed, a planned drill not passed.

An operator who requests a drill waits for its verdict, and is not told of it again.
"""

from collections.abc import Iterable

from sidecar.core.incidents.payment_impact import payment_impact_of_stack
from sidecar.core.incidents.routing import informational_messages
from sidecar.core.model.cause import Severity
from sidecar.core.model.decision import Trigger
from sidecar.core.model.drill import DrillOutcome, DrillRecord
from sidecar.core.model.incident import new_id
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.reason.reason_text import reason_facts

_FOR_INFORMATION = frozenset({DrillOutcome.REFUSED, DrillOutcome.INTERRUPTED})


def drill_messages(
    state: State, records: Iterable[DrillRecord], settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell once that a fault cannot be undone (P1), and of drills not passed.

    A planned drill that was not carried out, or was ended early, is P3, others P2.
    """
    messages: list[Message] = []
    for record in records:
        if _is_reported(record):
            is_minor = record.outcome in _FOR_INFORMATION
            severity = Severity.P3 if is_minor else Severity.P2
            facts = {
                "target": record.target,
                "fault": record.fault.value,
                "verdict": record.outcome.value,
                "opened_at_wall": f"{record.began_wall:.3f}",
                **reason_facts("reason", record.reason),
                **payment_impact_of_stack(state).facts,
            }
            messages += informational_messages(
                record.id, severity, MessageKind.DRILL_PROBLEM, facts, settings, at
            )
    state, of_undo = _undo_messages(state, settings, at)
    return state, (*messages, *of_undo)


def _is_reported(record: DrillRecord) -> bool:
    if record.undo_problem:
        return True
    is_passed = record.outcome is DrillOutcome.PASSED
    return record.trigger is Trigger.PLANNED and not is_passed


def _undo_messages(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    drill = state.drill
    if drill is None or not drill.undo_problem or drill.is_undo_told:
        return state, ()
    kind, began = MessageKind.DRILL_STUCK, drill.injected or drill.began
    facts = {
        "target": drill.name,
        "fault": drill.fault.value,
        "opened_at_wall": f"{began.wall:.3f}",
        **reason_facts("reason", drill.undo_problem),
        **payment_impact_of_stack(state).facts,
    }
    messages = informational_messages(
        new_id(kind, at), Severity.P1, kind, facts, settings, at
    )
    return replace(state, drill=replace(drill, is_undo_told=True)), messages
