"""Availability, outages and restarts over a period, beside the period before.

Only time that was monitored, and in which the target's state was known, counts; the
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
    """From (inclusive) one instant to (exclusive) another."""

    from_wall: float
    until_wall: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.until_wall - self.from_wall


class CurrentStatus(NamedTuple):
    """How a target is at the end, and since when."""

    state: str
    cause: str | None
    since_wall: float


@dataclass(frozen=True, slots=True)
class Report:
    """``gaps`` are the stretches of ``period`` in which nobody watched."""

    period: Period
    before: Period
    gaps: tuple[MonitoredInterval, ...]
    targets: Mapping[str, PeriodComparison]

    @property
    def total(self) -> PeriodComparison:
        """All targets together."""
        total = PeriodComparison(Totals(), Totals())
        for account in self.targets.values():
            total.now.add(account.now)
            total.before.add(account.before)
        return total


class ReportBuilder:
    """Sums up what happened, from the beginning of ``before`` to ``period``'s end.

    Nothing of it is kept, so that a long period need never be in memory.
    """

    def __init__(self, period: Period, watched: Iterable[MonitoredInterval]) -> None:
        self.period = period
        self.before = Period(period.from_wall - period.seconds, period.from_wall)
        self._coverage = MonitoredTime(watched)
        self._spells = OutageTracker(self.before.from_wall, self._coverage)
        self._accounts: dict[str, PeriodComparison] = {}

    def add(self, piece: Iterable[tuple[str, TargetSteps]]) -> None:
        """Work in what happened to some targets, to each in order of time."""
        for target, steps in piece:
            self._follow(target, steps)

    def _follow(self, target: str, steps: TargetSteps) -> None:
        course: TargetHistory | None = None
        ordered = sorted(steps.at_walls) == list(steps.at_walls)
        nth = 0
        while nth < len(steps.at_walls):
            at, what = steps.at_walls[nth], steps.steps[nth]
            nth += 1
            if not isinstance(what, StateChange):
                self._remedy(target, at, what)
                continue
            if course is None:
                course = self._spells.course(target, what.old)
            facts = course.change(at, what)
            if facts:
                self._book(facts)
            if ordered and course.works:
                nth = self._pass_troubles(course, steps, nth)

    def _pass_troubles(
        self, course: TargetHistory, steps: TargetSteps, nth: int
    ) -> int:
        """Book the troubles that follow, one after the other, and tell where they end.

        The short way, by which most that is on record goes: ``Course.change`` of
        each of their steps comes to the same sums.
        """
        ats, known = steps
        now, before = self._account(course.target)
        covers, seconds = self._coverage.covers, self._coverage.seconds
        middle, end = self.period
        way, trouble = known[:0], None
        while True:
            after = nth + len(way)
            if not way or known[nth:after] != way:
                after = end_of_pattern(known, nth)
                way = known[nth:after]
                trouble = find_pattern(*way) if after else None
            if trouble is None or trouble.old != course.state:
                break
            since, failed_at, until = course.since_wall, ats[nth], ats[after - 1]
            tally, ends = (now, end) if since >= middle else (before, middle)
            if since > failed_at or until >= ends:
                break
            if covers(since, until):
                up_s, down_s = failed_at - since, until - failed_at
            else:
                up_s, down_s = seconds(since, failed_at), seconds(failed_at, until)
            tally.up_s += up_s
            tally.trouble(trouble, down_s)
            course.state, course.since_wall = trouble.new, until
            nth = after
        return nth

    def close(self, standing: Mapping[str, CurrentStatus]) -> Report:
        """Nothing more comes; ``standing`` is how everyone is at the end."""
        for target, how in standing.items():
            self._account(target)
            if target not in self._spells:
                self._spells.begin(target, how.state, how.cause, how.since_wall)
        self._book(self._spells.close(self.period.until_wall, standing))
        return Report(
            self.period,
            self.before,
            self._coverage.gaps(*self.period),
            dict(sorted(self._accounts.items())),
        )

    def _account(self, target: str) -> PeriodComparison:
        known = self._accounts.get(target)
        if known is None:
            known = PeriodComparison(
                Totals(self.period.seconds), Totals(self.before.seconds)
            )
            self._accounts[target] = known
        return known

    def _book(self, facts: Iterable[IntervalOrOutage]) -> None:
        """One that spans both periods is booked in either."""
        begins, ends = self.period
        for fact in facts:
            now, before = self._account(fact.target)
            if fact.ended_wall >= begins and fact.began_wall < ends:
                self._enter(now, self.period, fact)
            if fact.began_wall < begins and fact.ended_wall >= self.before.from_wall:
                self._enter(before, self.before, fact)

    def _enter(self, tally: Totals, period: Period, fact: IntervalOrOutage) -> None:
        if isinstance(fact, Interval):
            self._spell(tally, period, fact)
        else:
            self._outage(tally, period, fact)

    def _spell(self, tally: Totals, period: Period, spell: Interval) -> None:
        seconds = self._seconds(period, spell.began_wall, spell.ended_wall)
        if spell.kind is IntervalKind.UP:
            tally.up_s += seconds
        elif spell.kind is IntervalKind.PLANNED:
            tally.planned_s += seconds
        else:
            tally.stopped_s += seconds

    def _outage(self, tally: Totals, period: Period, outage: Outage) -> None:
        down_s = sum(self._seconds(period, *span) for span in outage.spans)
        certain = outage.certain_wall
        began = certain is not None and _is_within(certain, period)
        ended = outage.repaired and _is_within(outage.ended_wall, period)
        if not (down_s or began or ended):
            return  # the cause has no place in this period
        tally.down_s += down_s
        tally.outages += began
        tally.blips += ended and certain is None
        if ended and certain is not None:
            tally.repaired += 1
            tally.repair_s += sum(self._coverage.seconds(*s) for s in outage.spans)
        by_cause = tally.cause(outage.cause)
        by_cause.outages += began
        by_cause.down_s += down_s

    def _seconds(self, period: Period, from_wall: float, until_wall: float) -> float:
        begin, end = period
        return self._coverage.seconds(max(from_wall, begin), min(until_wall, end))

    def _remedy(self, target: str, at: float, kind: RemedySummary) -> None:
        account = self._account(target)
        if _is_within(at, self.period):
            account.now.remedies[kind] += 1
        elif _is_within(at, self.before):
            account.before.remedies[kind] += 1


def _is_within(wall: float, period: Period) -> bool:
    return period.from_wall <= wall < period.until_wall
