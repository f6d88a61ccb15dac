"""A journal entry as a report counts it, in one to three words.

The code is in the journal's index too, so that a long report reads the index alone.
"""

from functools import lru_cache

from sidecar.core.model.journal_entry import JournalStep, RemedySummary, StateChange
from sidecar.core.model.transition import RemedyEnded, StateChanged


def step_code(item: object) -> str | None:
    """``old>new cause`` or ``action trigger outcome``; None: not counted."""
    match item:
        case StateChanged():
            change = f"{item.old}>{item.new}"
            return change if item.cause is None else f"{change} {item.cause}"
        case RemedyEnded():
            return f"{item.action} {item.trigger} {item.outcome}"
        case _:
            return None


@lru_cache(maxsize=1024)
def read_step_code(brief: str) -> JournalStep:
    """Parse a code. Few differ: states, causes, and outcomes of remedies."""
    head, _, rest = brief.partition(" ")
    old, is_change, new = head.partition(">")
    if is_change:
        return StateChange(old, new, rest or None)
    trigger, _, outcome = rest.partition(" ")
    return RemedySummary(head, trigger, outcome)
