"""What a report counts of a line of the journal, in a word or three.

It stands in the journal's index too, so that a long report need not read the lines.
"""

from functools import lru_cache

from sidecar.core.model.journal_entry import JournalStep, RemedySummary, StateChange
from sidecar.core.model.transition import RemedyEnded, StateChanged


def step_code(what: object) -> str | None:
    """``old>new cause`` or ``action trigger outcome``; None: nothing is counted."""
    match what:
        case StateChanged():
            change = f"{what.old}>{what.new}"
            return change if what.cause is None else f"{change} {what.cause}"
        case RemedyEnded():
            return f"{what.action} {what.trigger} {what.outcome}"
        case _:
            return None


@lru_cache(maxsize=1024)
def read_step_code(brief: str) -> JournalStep:
    """There are few: states, causes, and how remedies end."""
    head, _, rest = brief.partition(" ")
    old, is_change, new = head.partition(">")
    if is_change:
        return StateChange(old, new, rest or None)
    trigger, _, outcome = rest.partition(" ")
    return RemedySummary(head, trigger, outcome)
