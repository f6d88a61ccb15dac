"""Availability, outages and restarts of a period, compared with the one before.

Only time that was monitored and in which the target's state was known counts; the
rest is a gap. Times are wall clock seconds, durations seconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.model.journal_entry import (
    MonitoredInterval,
    RemedySummary,
    StateChange,
    TargetSteps,
)
from sidecar.core.reporting.monitored_time import MonitoredTime
from sidecar.core.reporting.outage_patterns import (
    end_of_pattern,
    find_pattern,
)
from sidecar.core.reporting.outages import (
    Interval,
    IntervalKind,
    IntervalOrOutage,
    Outage,
    OutageTracker,
    TargetHistory,
)
from sidecar.core.reporting.totals import (
    PeriodComparison,
    Totals,
)


class Period(NamedTuple):
    """Time range, ``from_wall`` inclusive, ``until_wall`` exclusive."""

    from_wall: float
    until_wall: float

    @property
    def seconds(self) -> float:
        """Length of the period."""
        return self.until_wall - self.from_wall


class CurrentStatus(NamedTuple):
    """State of a target at the end of the period, and its begin."""

    state: str
    cause: str | None
    since_wall: float


@dataclass(frozen=True, slots=True)
class Report:
    """Report of a period; ``gaps`` are its intervals without monitoring."""

    period: Period
    before: Period
    gaps: tuple[MonitoredInterval, ...]
    targets: Mapping[str, PeriodComparison]

    @property
    def total(self) -> PeriodComparison:
        """All targets together."""
        total = PeriodComparison(Totals(), Totals())
        for comparison in self.targets.values():
            total.now.add(comparison.now)
            total.before.add(comparison.before)
        return total


class ReportBuilder:
    """Sums up the journal's steps, from the begin of ``before`` to ``period``'s end.

    The steps are not stored, so that a long period need never be in memory.
    """

    def __init__(self, period: Period, watched: Iterable[MonitoredInterval]) -> None:
        self.period = period
        self.before = Period(period.from_wall - period.seconds, period.from_wall)
        self._coverage = MonitoredTime(watched)
        self._tracker = OutageTracker(self.before.from_wall, self._coverage)
        self._comparisons: dict[str, PeriodComparison] = {}

    def add(self, steps_by_target: Iterable[tuple[str, TargetSteps]]) -> None:
        """Add the steps of some targets, for each target in order of time."""
        for target, steps in steps_by_target:
            self._add_steps(target, steps)

    def _add_steps(self, target: str, steps: TargetSteps) -> None:
        history: TargetHistory | None = None
        ordered = sorted(steps.at_walls) == list(steps.at_walls)
        nth = 0
        while nth < len(steps.at_walls):
            at_wall, step = steps.at_walls[nth], steps.steps[nth]
            nth += 1
            if not isinstance(step, StateChange):
                self._add_remedy(target, at_wall, step)
                continue
            if history is None:
                history = self._tracker.history_of(target, step.old)
            facts = history.apply_change(at_wall, step)
            if facts:
                self._add_facts(facts)
            if ordered and history.is_working:
                nth = self._add_patterns(history, steps, nth)

    def _add_patterns(
        self, history: TargetHistory, steps: TargetSteps, nth: int
    ) -> int:
        """Add the next outages of a known pattern; return the index of the next step.

        This is a fast path, which most outages take: ``TargetHistory.apply_change`` of
        each of their steps gives the same sums.
        """
        at_walls, journal_steps = steps
        now, before = self._comparison_of(history.target)
        covers, seconds = self._coverage.covers, self._coverage.seconds
        middle_wall, end_wall = self.period
        pattern_steps, pattern = journal_steps[:0], None
        while True:
            after = nth + len(pattern_steps)
            if not pattern_steps or journal_steps[nth:after] != pattern_steps:
                after = end_of_pattern(journal_steps, nth)
                pattern_steps = journal_steps[nth:after]
                pattern = find_pattern(*pattern_steps) if after else None
            if pattern is None or pattern.old != history.state:
                break
            since_wall, failed_wall = history.since_wall, at_walls[nth]
            until_wall = at_walls[after - 1]
            totals, limit_wall = (
                (now, end_wall) if since_wall >= middle_wall else (before, middle_wall)
            )
            if since_wall > failed_wall or until_wall >= limit_wall:
                break
            if covers(since_wall, until_wall):
                up_s, down_s = failed_wall - since_wall, until_wall - failed_wall
            else:
                up_s = seconds(since_wall, failed_wall)
                down_s = seconds(failed_wall, until_wall)
            if totals.data_from_wall is None:
                totals.note_data(self._coverage.first_instant(since_wall, until_wall))
            totals.up_s += up_s
            totals.add_pattern(pattern, down_s)
            history.state, history.since_wall = pattern.new, until_wall
            nth = after
        return nth

    def close(self, statuses: Mapping[str, CurrentStatus]) -> Report:
        """Finish the report; ``statuses`` are the states of all targets at the end."""
        for target, status in statuses.items():
            self._comparison_of(target)
            if target not in self._tracker:
                self._tracker.begin(
                    target, status.state, status.cause, status.since_wall
                )
        self._add_facts(self._tracker.close(self.period.until_wall, statuses))
        return Report(
            self.period,
            self.before,
            self._coverage.gaps(*self.period),
            dict(sorted(self._comparisons.items())),
        )

    def _comparison_of(self, target: str) -> PeriodComparison:
        comparison = self._comparisons.get(target)
        if comparison is None:
            comparison = PeriodComparison(
                Totals(self.period.seconds), Totals(self.before.seconds)
            )
            self._comparisons[target] = comparison
        return comparison

    def _add_facts(self, facts: Iterable[IntervalOrOutage]) -> None:
        """Add facts to their periods; a fact that spans both is added to both."""
        begins, ends = self.period
        for fact in facts:
            now, before = self._comparison_of(fact.target)
            if fact.ended_wall >= begins and fact.began_wall < ends:
                self._add_fact(now, self.period, fact)
            if fact.began_wall < begins and fact.ended_wall >= self.before.from_wall:
                self._add_fact(before, self.before, fact)

    def _add_fact(self, totals: Totals, period: Period, fact: IntervalOrOutage) -> None:
        self._note_data(totals, period, fact)
        if isinstance(fact, Interval):
            self._add_interval(totals, period, fact)
        else:
            self._add_outage(totals, period, fact)

    def _note_data(
        self, totals: Totals, period: Period, fact: IntervalOrOutage
    ) -> None:
        begin, end = period
        from_wall = max(fact.began_wall, begin)
        if not totals.has_data_at(from_wall):
            until_wall = min(fact.ended_wall, end)
            totals.note_data(self._coverage.first_instant(from_wall, until_wall))

    def _add_interval(self, totals: Totals, period: Period, interval: Interval) -> None:
        seconds = self._measured_s(period, interval.began_wall, interval.ended_wall)
        if interval.kind is IntervalKind.UP:
            totals.up_s += seconds
        elif interval.kind is IntervalKind.PLANNED:
            totals.planned_s += seconds
        else:
            totals.stopped_s += seconds

    def _add_outage(self, totals: Totals, period: Period, outage: Outage) -> None:
        down_s = sum(self._measured_s(period, *span) for span in outage.spans)
        certain = outage.certain_wall
        began = certain is not None and _is_within(certain, period)
        ended = outage.repaired and _is_within(outage.ended_wall, period)
        if not (down_s or began or ended):
            return  # the outage is not in this period
        totals.down_s += down_s
        totals.outages += began
        totals.blips += ended and certain is None
        if ended and certain is not None:
            totals.repaired += 1
            totals.repair_s += sum(self._coverage.seconds(*s) for s in outage.spans)
        by_cause = totals.totals_of(outage.cause)
        by_cause.outages += began
        by_cause.down_s += down_s

    def _measured_s(self, period: Period, from_wall: float, until_wall: float) -> float:
        begin, end = period
        return self._coverage.seconds(max(from_wall, begin), min(until_wall, end))

    def _add_remedy(self, target: str, at: float, kind: RemedySummary) -> None:
        comparison = self._comparison_of(target)
        if _is_within(at, self.period):
            comparison.now.remedies[kind] += 1
        elif _is_within(at, self.before):
            comparison.before.remedies[kind] += 1


def _is_within(wall: float, period: Period) -> bool:
    return period.from_wall <= wall < period.until_wall
