"""How much of a stretch of time was measured. Times are wall clock seconds."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from sidecar.core.model.journal_entry import MonitoredInterval

GAP_S = 60.0
"""That we are watching is noted every few seconds: so much between is no gap."""


class MonitoredTime:
    """The time in which we were watching; stretches may overlap, in any order."""

    def __init__(self, watched: Iterable[MonitoredInterval]) -> None:
        merged = _merge(watched)
        self._starts = [one.from_wall for one in merged]
        self._ends = [one.until_wall for one in merged]
        lengths = (one.until_wall - one.from_wall for one in merged)
        self._before = list(accumulate(lengths, initial=0.0))
        self._present = merged[0] if merged else MonitoredInterval(0.0, 0.0)
        """The stretch asked about last: most questions are about the same."""

    def covers(self, from_wall: float, until_wall: float) -> bool:
        """Was all in between watched? A quick answer: False may mean unknown."""
        begin, end = self._present
        return begin <= from_wall and until_wall <= end

    def seconds(self, from_wall: float, until_wall: float) -> float:
        """How many seconds between the two were watched."""
        if until_wall <= from_wall:
            return 0.0
        if self.covers(from_wall, until_wall):
            return until_wall - from_wall
        nth = bisect_right(self._starts, until_wall) - 1
        if nth >= 0:
            self._present = MonitoredInterval(self._starts[nth], self._ends[nth])
        return self._up_to(until_wall) - self._up_to(from_wall)

    def _up_to(self, wall: float) -> float:
        nth = bisect_right(self._starts, wall) - 1
        if nth < 0:
            return 0.0
        return self._before[nth] + min(wall, self._ends[nth]) - self._starts[nth]

    def end_of_stretch(self, wall: float) -> float:
        """When the watching that goes on at ``wall`` ends; ``wall`` where none does."""
        nth = bisect_right(self._starts, wall) - 1
        return max(wall, self._ends[nth]) if nth >= 0 else wall

    def gaps(
        self, from_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        """The stretches between the two in which nobody watched."""
        edges = zip(self._starts, self._ends, strict=True)
        inside = ((a, b) for a, b in edges if a < until_wall and b > from_wall)
        bounds = [(from_wall, from_wall), *inside, (until_wall, until_wall)]
        found = (MonitoredInterval(a[1], b[0]) for a, b in pairwise(bounds))
        return tuple(gap for gap in found if gap.until_wall > gap.from_wall)


def extend_to_now(
    watched: Sequence[MonitoredInterval], now_wall: float
) -> tuple[MonitoredInterval, ...]:
    """The stretches as they are while we watch, the last not noted to its end yet."""
    last = max(watched, key=lambda one: one.until_wall, default=None)
    if last is None or not 0.0 < now_wall - last.until_wall <= GAP_S:
        return tuple(watched)
    return (*watched, MonitoredInterval(last.until_wall, now_wall))


def _merge(watched: Iterable[MonitoredInterval]) -> list[MonitoredInterval]:
    merged: list[MonitoredInterval] = []
    for one in sorted(w for w in watched if w.until_wall > w.from_wall):
        last = merged[-1] if merged else None
        if last is not None and one.from_wall <= last.until_wall:
            until = max(last.until_wall, one.until_wall)
            merged[-1] = MonitoredInterval(last.from_wall, until)
        else:
            merged.append(one)
    return merged
