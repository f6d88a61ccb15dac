"""Patterns of outages: the sums of an outage by its steps alone.

Most outages follow one of a few patterns.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from sidecar.core.model.journal_entry import JournalStep, RemedySummary, StateChange
from sidecar.core.model.target_state import WORKING_STATES
from sidecar.core.reporting.monitored_time import MonitoredTime
from sidecar.core.reporting.outages import (
    IntervalOrOutage,
    Outage,
    TargetHistory,
    TimeRange,
)

MAX_STEPS = 16
"""Limit of steps in a pattern: longer outages are rare, and seldom alike."""


class OutagePattern(NamedTuple):
    """One repaired outage that lasted all the time between states ``old`` and ``new``.

    Not ``certain``: it was a blip.
    """

    old: str
    new: str
    cause: str
    certain: bool
    remedies: tuple[RemedySummary, ...]


def end_of_pattern(steps: Sequence[JournalStep], nth: int) -> int:
    """Index after the step by which it works again; 0: none in the next MAX_STEPS."""
    for after in range(nth + 2, min(nth + MAX_STEPS, len(steps)) + 1):
        if steps[after - 1][1] in WORKING_STATES:  # a remedy has its trigger there
            return after
    return 0


@lru_cache(maxsize=1024)
def find_pattern(*steps: JournalStep) -> OutagePattern | None:
    """Pattern of steps that end in a working state; None: they are no single outage.

    None, too, where the durations decide. The steps are replayed a second apart, so
    that a missing container counts as redeployed.
    """
    if not isinstance(steps[0], StateChange):
        return None
    old = steps[0].old
    history = TargetHistory("", old, None, -1.0, MonitoredTime(()))
    facts: list[IntervalOrOutage] = []
    for n, step in enumerate(steps):
        if isinstance(step, StateChange):
            facts += history.apply_change(float(n), step)
    outage = facts[-1]
    whole_time = (TimeRange(0.0, len(steps) - 1.0),)
    if not isinstance(outage, Outage) or outage.spans != whole_time:
        return None
    remedies = tuple(step for step in steps if isinstance(step, RemedySummary))
    certain = outage.certain_wall is not None
    return OutagePattern(old, history.state, outage.cause, certain, remedies)
