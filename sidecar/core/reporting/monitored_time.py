"""Monitored part of a time range. Times are wall clock seconds."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from sidecar.core.model.journal_entry import MonitoredInterval

GAP_S = 60.0
"""Shortest gap; monitoring is noted every few seconds, so less is no gap."""


class MonitoredTime:
    """Monitored time; its intervals may overlap and come in any order."""

    def __init__(self, watched: Iterable[MonitoredInterval]) -> None:
        merged = _merge(watched)
        self._starts = [interval.from_wall for interval in merged]
        self._ends = [interval.until_wall for interval in merged]
        lengths = (interval.until_wall - interval.from_wall for interval in merged)
        self._seconds_before = list(accumulate(lengths, initial=0.0))
        self._last_interval = merged[0] if merged else MonitoredInterval(0.0, 0.0)
        """Interval of the last query: most queries are about the same."""

    def covers(self, from_wall: float, until_wall: float) -> bool:
        """Was all of the range monitored? A quick check: False may mean unknown."""
        begin, end = self._last_interval
        return begin <= from_wall and until_wall <= end

    def seconds(self, from_wall: float, until_wall: float) -> float:
        """Monitored seconds between the two times."""
        if until_wall <= from_wall:
            return 0.0
        if self.covers(from_wall, until_wall):
            return until_wall - from_wall
        nth = bisect_right(self._starts, until_wall) - 1
        if nth >= 0:
            self._last_interval = MonitoredInterval(self._starts[nth], self._ends[nth])
        return self._seconds_until(until_wall) - self._seconds_until(from_wall)

    def _seconds_until(self, wall: float) -> float:
        nth = bisect_right(self._starts, wall) - 1
        if nth < 0:
            return 0.0
        return (
            self._seconds_before[nth] + min(wall, self._ends[nth]) - self._starts[nth]
        )

    def first_instant(self, from_wall: float, until_wall: float) -> float | None:
        """The first monitored instant between the two times; None: there is none."""
        nth = bisect_right(self._starts, from_wall) - 1
        if nth >= 0 and self._ends[nth] > from_wall:
            return from_wall if until_wall > from_wall else None
        following = self._starts[nth + 1 : nth + 2]
        return next((start for start in following if start < until_wall), None)

    def end_of_stretch(self, wall: float) -> float:
        """End of the monitored interval at ``wall``; ``wall`` where there is none."""
        nth = bisect_right(self._starts, wall) - 1
        return max(wall, self._ends[nth]) if nth >= 0 else wall

    def gaps(
        self, from_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        """Intervals between the two times without monitoring."""
        edges = zip(self._starts, self._ends, strict=True)
        inside = ((a, b) for a, b in edges if a < until_wall and b > from_wall)
        bounds = [(from_wall, from_wall), *inside, (until_wall, until_wall)]
        gaps = (MonitoredInterval(a[1], b[0]) for a, b in pairwise(bounds))
        return tuple(gap for gap in gaps if gap.until_wall > gap.from_wall)


def extend_to_now(
    watched: Sequence[MonitoredInterval], now_wall: float
) -> tuple[MonitoredInterval, ...]:
    """The intervals, the last one extended to now if monitoring still goes on."""
    last = max(watched, key=lambda interval: interval.until_wall, default=None)
    if last is None or not 0.0 < now_wall - last.until_wall <= GAP_S:
        return tuple(watched)
    return (*watched, MonitoredInterval(last.until_wall, now_wall))


def _merge(watched: Iterable[MonitoredInterval]) -> list[MonitoredInterval]:
    merged: list[MonitoredInterval] = []
    for interval in sorted(w for w in watched if w.until_wall > w.from_wall):
        last = merged[-1] if merged else None
        if last is not None and interval.from_wall <= last.until_wall:
            until = max(last.until_wall, interval.until_wall)
            merged[-1] = MonitoredInterval(last.from_wall, until)
        else:
            merged.append(interval)
    return merged
