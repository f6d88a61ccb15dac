"""Availability of each target on each day, by the rules of the report.

Only time that was monitored and in which the target's state was known counts.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise

from sidecar.core.model.journal_entry import (
    MonitoredInterval,
    StateChange,
    TargetSteps,
)
from sidecar.core.reporting.availability import CurrentStatus
from sidecar.core.reporting.monitored_time import MonitoredTime
from sidecar.core.reporting.outages import (
    Interval,
    IntervalKind,
    IntervalOrOutage,
    OutageTracker,
)


class TargetDays:
    """Seconds of one target on each day: columns, for a thousand targets have many.

    ``planned_s`` is the time of restarts and stops on purpose.
    """

    __slots__ = ("down_s", "planned_s", "up_s")

    def __init__(self, count: int) -> None:
        self.up_s = array("d", bytes(8 * count))
        self.down_s = array("d", bytes(8 * count))
        self.planned_s = array("d", bytes(8 * count))

    def availability(self, nth: int) -> float | None:
        """The share of a day's measured time in which it worked; None: no data."""
        return _share(self.up_s[nth], self.down_s[nth])

    @property
    def total_availability(self) -> float | None:
        """The same for all days together."""
        return _share(sum(self.up_s), sum(self.down_s))

    def replace_last(self, last: "TargetDays") -> None:
        """Take the last day's seconds from ``last``."""
        self.up_s[-1] = last.up_s[-1]
        self.down_s[-1] = last.down_s[-1]
        self.planned_s[-1] = last.planned_s[-1]


def _share(up_s: float, down_s: float) -> float | None:
    return up_s / (up_s + down_s) if up_s + down_s > 0.0 else None


def last_dates(now_wall: float, zone: tzinfo, count: int) -> tuple[date, ...]:
    """The last ``count`` dates in the zone, today last."""
    today = datetime.fromtimestamp(now_wall, zone).date()
    return tuple(today - timedelta(days=ago) for ago in reversed(range(count)))


def day_bounds(dates: Sequence[date], zone: tzinfo) -> tuple[float, ...]:
    """The begin of each date, and the end of the last: one value more than dates.

    A day of a clock change has 23 or 25 hours.
    """
    following = dates[-1] + timedelta(days=1)
    return tuple(begin_of_date(day, zone) for day in (*dates, following))


def begin_of_date(day: date, zone: tzinfo) -> float:
    """The wall clock time at which the date begins in the zone."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def find_day(bounds: Sequence[float], wall: float) -> int | None:
    """The number of the day that includes ``wall``; None: none of them does."""
    if not bounds[0] <= wall < bounds[-1]:
        return None
    return bisect_right(bounds, wall) - 1


class DailyBuilder:
    """Sums up the journal's steps by days; ``bounds`` are those of ``day_bounds``."""

    def __init__(
        self, bounds: Sequence[float], watched: Iterable[MonitoredInterval]
    ) -> None:
        self._bounds = bounds
        self._coverage = MonitoredTime(watched)
        self._tracker = OutageTracker(bounds[0], self._coverage)
        self._days: dict[str, TargetDays] = {}

    def add(self, steps_by_target: Iterable[tuple[str, TargetSteps]]) -> None:
        """Add the steps of some targets, for each target in order of time."""
        for target, (at_walls, steps) in steps_by_target:
            for at_wall, step in zip(at_walls, steps, strict=True):
                if isinstance(step, StateChange):
                    history = self._tracker.history_of(target, step.old)
                    self._add_facts(history.apply_change(at_wall, step))

    def close(
        self, until_wall: float, statuses: Mapping[str, CurrentStatus]
    ) -> dict[str, TargetDays]:
        """The days of each target; ``statuses`` are the states at ``until_wall``."""
        for target, status in statuses.items():
            self._days_of(target)
            if target not in self._tracker:
                self._tracker.begin(
                    target, status.state, status.cause, status.since_wall
                )
        self._add_facts(self._tracker.close(until_wall, statuses))
        return self._days

    def _days_of(self, target: str) -> TargetDays:
        days = self._days.get(target)
        if days is None:
            days = self._days[target] = TargetDays(len(self._bounds) - 1)
        return days

    def _add_facts(self, facts: Iterable[IntervalOrOutage]) -> None:
        for fact in facts:
            days = self._days_of(fact.target)
            if not isinstance(fact, Interval):
                for span in fact.spans:
                    self._add_range(days.down_s, *span)
            elif fact.kind is IntervalKind.UP:
                self._add_range(days.up_s, fact.began_wall, fact.ended_wall)
            else:
                self._add_range(days.planned_s, fact.began_wall, fact.ended_wall)

    def _add_range(
        self, column: "array[float]", from_wall: float, until_wall: float
    ) -> None:
        for nth, seconds in self._split(from_wall, until_wall):
            column[nth] += seconds

    def _split(
        self, from_wall: float, until_wall: float
    ) -> Iterator[tuple[int, float]]:
        """The monitored seconds of the range on each day that it touches."""
        first = max(0, bisect_right(self._bounds, from_wall) - 1)
        for nth, (begin, end) in enumerate(pairwise(self._bounds[first:]), first):
            if begin >= until_wall:
                return
            seconds = self._coverage.seconds(
                max(begin, from_wall), min(end, until_wall)
            )
            if seconds > 0.0:
                yield nth, seconds
