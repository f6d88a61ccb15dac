"""From working to working again: what an outage comes to, by its steps alone.

Most that is on record went one of a few ways.
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

MOST_STEPS = 16
"""Longer ones are rare, and hardly two alike."""


class OutagePattern(NamedTuple):
    """From state ``old`` to ``new``, and all the time between was one outage that
    was repaired; not ``certain``: a blip.
    """

    old: str
    new: str
    cause: str
    certain: bool
    remedies: tuple[RemedySummary, ...]


def end_of_pattern(steps: Sequence[JournalStep], nth: int) -> int:
    """The place after the step by which it works again; 0: there is none nearby."""
    for after in range(nth + 2, min(nth + MOST_STEPS, len(steps)) + 1):
        if steps[after - 1][1] in WORKING_STATES:  # a remedy has its trigger there
            return after
    return 0


@lru_cache(maxsize=1024)
def find_pattern(*steps: JournalStep) -> OutagePattern | None:
    """Of what ends with a step to what works; None: it was something else, or how
    long it took would tell.

    They are followed a second apart, which is a redeploy's for what is missing.
    """
    if not isinstance(steps[0], StateChange):
        return None
    old = steps[0].old
    course = TargetHistory("", old, None, -1.0, MonitoredTime(()))
    facts: list[IntervalOrOutage] = []
    for n, step in enumerate(steps):
        if isinstance(step, StateChange):
            facts += course.change(float(n), step)
    outage = facts[-1]
    whole = (TimeRange(0.0, len(steps) - 1.0),)
    if not isinstance(outage, Outage) or outage.spans != whole:
        return None
    remedies = tuple(step for step in steps if isinstance(step, RemedySummary))
    certain = outage.certain_wall is not None
    return OutagePattern(old, course.state, outage.cause, certain, remedies)
