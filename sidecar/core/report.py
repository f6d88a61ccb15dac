"""Availability, outages and restarts over a period, beside the period before.

Only time that was watched, and in which the target's state was known, counts; the
rest is a gap. Times are wall clock seconds, durations seconds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.coverage import Coverage
from sidecar.core.record import Change, RemedyKind, Steps, Watched
from sidecar.core.spell import Course, Fact, Kind, Outage, Spell, Spells
from sidecar.core.trouble import Trouble, end_of_trouble, trouble_of


class Period(NamedTuple):
    """From (inclusive) one instant to (exclusive) another."""

    from_wall: float
    until_wall: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.until_wall - self.from_wall


class Standing(NamedTuple):
    """How a target is at the end, and since when."""

    state: str
    cause: str | None
    since_wall: float


@dataclass(slots=True)
class CauseTally:
    """Outages of one cause that became certain, and all that it took of the time."""

    outages: int = 0
    down_s: float = 0.0


@dataclass(slots=True)
class Tally:
    """Sums, which add up when a period is cut in two.

    ``outages`` are counted when they became certain; ``blips`` are failures that
    passed before that. ``repaired`` and ``repair_s`` count outages at their end,
    from the first failure. ``down_s`` holds all of them.
    """

    window_s: float = 0.0
    up_s: float = 0.0
    down_s: float = 0.0
    planned_s: float = 0.0
    stopped_s: float = 0.0
    outages: int = 0
    blips: int = 0
    repaired: int = 0
    repair_s: float = 0.0
    causes: dict[str, CauseTally] = field(default_factory=dict)
    remedies: Counter[RemedyKind] = field(default_factory=Counter)

    @property
    def gap_s(self) -> float:
        """Not watched, or its state was not known."""
        seen = self.up_s + self.down_s + self.planned_s + self.stopped_s
        return max(0.0, self.window_s - seen)

    @property
    def availability(self) -> float | None:
        """The share of the measured time in which it worked; None: no data.

        What was stopped or restarted on purpose counts neither way.
        """
        measured_s = self.up_s + self.down_s
        return self.up_s / measured_s if measured_s > 0 else None

    @property
    def mttr_s(self) -> float | None:
        """Mean time to repair, from the first failure; None: nothing was repaired."""
        return self.repair_s / self.repaired if self.repaired else None

    @property
    def mtbf_s(self) -> float | None:
        """Mean time that it worked between outages; None: there was none."""
        return self.up_s / self.outages if self.outages else None

    def cause(self, name: str) -> CauseTally:
        """The sums of one cause."""
        known = self.causes.get(name)
        if known is None:
            known = self.causes[name] = CauseTally()
        return known

    def trouble(self, trouble: Trouble, down_s: float) -> None:
        """Take in one that began and ended in the period."""
        self.down_s += down_s
        cause = self.cause(trouble.cause)
        cause.down_s += down_s
        for kind in trouble.remedies:
            self.remedies[kind] += 1
        if not trouble.certain:
            self.blips += 1
            return
        self.outages += 1
        cause.outages += 1
        self.repaired += 1
        self.repair_s += down_s

    def add(self, other: "Tally") -> None:
        """Take in another's sums."""
        self.window_s += other.window_s
        self.up_s += other.up_s
        self.down_s += other.down_s
        self.planned_s += other.planned_s
        self.stopped_s += other.stopped_s
        self.outages += other.outages
        self.blips += other.blips
        self.repaired += other.repaired
        self.repair_s += other.repair_s
        self.remedies.update(other.remedies)
        for name, theirs in other.causes.items():
            ours = self.cause(name)
            ours.outages += theirs.outages
            ours.down_s += theirs.down_s


class Account(NamedTuple):
    """One target in the period and in the one before."""

    now: Tally
    before: Tally


@dataclass(frozen=True, slots=True)
class Report:
    """``gaps`` are the stretches of ``period`` in which nobody watched."""

    period: Period
    before: Period
    gaps: tuple[Watched, ...]
    targets: Mapping[str, Account]

    @property
    def total(self) -> Account:
        """All targets together."""
        total = Account(Tally(), Tally())
        for account in self.targets.values():
            total.now.add(account.now)
            total.before.add(account.before)
        return total


class Books:
    """Sums up what happened, from the beginning of ``before`` to ``period``'s end.

    Nothing of it is kept, so that a long period need never be in memory.
    """

    def __init__(self, period: Period, watched: Iterable[Watched]) -> None:
        self.period = period
        self.before = Period(period.from_wall - period.seconds, period.from_wall)
        self._coverage = Coverage(watched)
        self._spells = Spells(self.before.from_wall, self._coverage)
        self._accounts: dict[str, Account] = {}

    def add(self, piece: Iterable[tuple[str, Steps]]) -> None:
        """Work in what happened to some targets, to each in order of time."""
        for target, steps in piece:
            self._follow(target, steps)

    def _follow(self, target: str, steps: Steps) -> None:
        course: Course | None = None
        ordered = sorted(steps.at_walls) == list(steps.at_walls)
        nth = 0
        while nth < len(steps.at_walls):
            at, what = steps.at_walls[nth], steps.steps[nth]
            nth += 1
            if not isinstance(what, Change):
                self._remedy(target, at, what)
                continue
            if course is None:
                course = self._spells.course(target, what.old)
            facts = course.change(at, what)
            if facts:
                self._book(facts)
            if ordered and course.works:
                nth = self._pass_troubles(course, steps, nth)

    def _pass_troubles(self, course: Course, steps: Steps, nth: int) -> int:
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
                after = end_of_trouble(known, nth)
                way = known[nth:after]
                trouble = trouble_of(*way) if after else None
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

    def close(self, standing: Mapping[str, Standing]) -> Report:
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

    def _account(self, target: str) -> Account:
        known = self._accounts.get(target)
        if known is None:
            known = Account(Tally(self.period.seconds), Tally(self.before.seconds))
            self._accounts[target] = known
        return known

    def _book(self, facts: Iterable[Fact]) -> None:
        """One that spans both periods is booked in either."""
        begins, ends = self.period
        for fact in facts:
            now, before = self._account(fact.target)
            if fact.ended_wall >= begins and fact.began_wall < ends:
                self._enter(now, self.period, fact)
            if fact.began_wall < begins and fact.ended_wall >= self.before.from_wall:
                self._enter(before, self.before, fact)

    def _enter(self, tally: Tally, period: Period, fact: Fact) -> None:
        if isinstance(fact, Spell):
            self._spell(tally, period, fact)
        else:
            self._outage(tally, period, fact)

    def _spell(self, tally: Tally, period: Period, spell: Spell) -> None:
        seconds = self._seconds(period, spell.began_wall, spell.ended_wall)
        if spell.kind is Kind.UP:
            tally.up_s += seconds
        elif spell.kind is Kind.PLANNED:
            tally.planned_s += seconds
        else:
            tally.stopped_s += seconds

    def _outage(self, tally: Tally, period: Period, outage: Outage) -> None:
        down_s = sum(self._seconds(period, *span) for span in outage.spans)
        certain = outage.certain_wall
        began = certain is not None and _within(certain, period)
        ended = outage.repaired and _within(outage.ended_wall, period)
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

    def _remedy(self, target: str, at: float, kind: RemedyKind) -> None:
        account = self._account(target)
        if _within(at, self.period):
            account.now.remedies[kind] += 1
        elif _within(at, self.before):
            account.before.remedies[kind] += 1


def _within(wall: float, period: Period) -> bool:
    return period.from_wall <= wall < period.until_wall
