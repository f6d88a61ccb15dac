"""When a wallet's addresses are counted again: rarely, where counting is slow.

The daemon has one thread, and the answer is a list of all addresses. So counting may
take THREAD_SHARE of the thread, however many there are.
"""

from typing import NamedTuple

from sidecar.core.model.container import RunId

THREAD_SHARE = 0.0002
LONGEST_PAUSE_S = 600.0
FIRST_COST_S = 0.01
"""What the first count is taken for at most: it may have waited for others."""

GROWTH = 2.0
"""So much more than the last one may a count cost; what takes longer has waited."""


class _LastCount(NamedTuple):
    run: RunId
    cost_s: float
    due_mono: float


class AddressCounts:
    """Remembers, for each daemon, when its addresses are to be counted next."""

    def __init__(self) -> None:
        self._counted: dict[str, _LastCount] = {}

    def is_due(self, place: str, run: RunId, now_mono: float) -> bool:
        """Is it time? In a new run at once."""
        last = self._counted.get(place)
        return last is None or last.run != run or now_mono >= last.due_mono

    def note(self, place: str, run: RunId, *, took_s: float, now_mono: float) -> None:
        """They were counted, or could not be, which took ``took_s``."""
        last = self._counted.get(place)
        at_most_s = FIRST_COST_S if last is None else last.cost_s * GROWTH
        cost_s = min(took_s, at_most_s)
        pause_s = min(cost_s / THREAD_SHARE, LONGEST_PAUSE_S)
        self._counted[place] = _LastCount(run, cost_s, now_mono + pause_s)
