"""From working to working again: what an outage comes to, by its steps alone.

Most that is on record went one of a few ways.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from sidecar.core.coverage import Coverage
from sidecar.core.judge import WORKING
from sidecar.core.record import Change, RemedyKind, Step
from sidecar.core.spell import Course, Fact, Outage, Span

MOST_STEPS = 16
"""Longer ones are rare, and hardly two alike."""


class Trouble(NamedTuple):
    """From state ``old`` to ``new``, and all the time between was one outage that
    was repaired; not ``certain``: a blip.
    """

    old: str
    new: str
    cause: str
    certain: bool
    remedies: tuple[RemedyKind, ...]


def end_of_trouble(steps: Sequence[Step], nth: int) -> int:
    """The place after the step by which it works again; 0: there is none nearby."""
    for after in range(nth + 2, min(nth + MOST_STEPS, len(steps)) + 1):
        if steps[after - 1][1] in WORKING:  # a remedy has its trigger there
            return after
    return 0


@lru_cache(maxsize=1024)
def trouble_of(*steps: Step) -> Trouble | None:
    """Of what ends with a step to what works; None: it was something else, or how
    long it took would tell.

    They are followed a second apart, which is a redeploy's for what is missing.
    """
    if not isinstance(steps[0], Change):
        return None
    old = steps[0].old
    course = Course("", old, None, -1.0, Coverage(()))
    facts: list[Fact] = []
    for n, step in enumerate(steps):
        if isinstance(step, Change):
            facts += course.change(float(n), step)
    outage = facts[-1]
    whole = (Span(0.0, len(steps) - 1.0),)
    if not isinstance(outage, Outage) or outage.spans != whole:
        return None
    remedies = tuple(step for step in steps if isinstance(step, RemedyKind))
    certain = outage.certain_wall is not None
    return Trouble(old, course.state, outage.cause, certain, remedies)
