"""Review of an incident in figures: outages of its targets, remedies, balances."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import EntryKind, JournalEntry, MonitoredInterval
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import EfficacyKey
from sidecar.core.reporting.monitored_time import MonitoredTime, extend_to_now
from sidecar.core.reporting.outages import Interval, IntervalKind, Outage, OutageTracker

LOOK_BACK_S = 6 * 3600.0
"""Time before the opening of an incident in which its first failure is searched."""

_AMOUNT_KEYS = frozenset({"before", "after"})

SETTLING_S = 1.0
"""Time after an incident's end in which entries about it may still be written."""


class Impact(NamedTuple):
    """Outage of a target, from its first failure until it worked for good.

    ``until_wall`` is None while it is still away. ``down_s`` includes the time in which
    it was stopped or started on purpose: its users could not reach it then, either.
    ``unmeasured_s``: time in between without monitoring.
    """

    target: str
    from_wall: float
    until_wall: float | None
    down_s: float
    unmeasured_s: float


class RemedyEntry(NamedTuple):
    """A remedy that ended, as the journal has it."""

    at_wall: float
    target: str
    action: str
    trigger: str
    cause: str | None
    outcome: str
    reason: str
    seconds: float


class BalanceEntry(NamedTuple):
    """A wallet's balance before and after a remedy, as the journal has it.

    Amounts are texts by their parts; None: not known, or not to be shown.
    """

    at_wall: float
    target: str
    comparison: str
    reason: str
    before: Mapping[str, str] | None
    after: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class IncidentReview:
    """All that is known of an incident.

    ``entries`` begin with its first failure. ``efficacy``: the ledger's records about
    its root. ``evidence``: bundles, oldest first. ``now_wall``: time of this review.
    """

    incident: Incident
    now_wall: float
    began_wall: float
    ended_wall: float | None
    entries: tuple[JournalEntry, ...]
    impacts: tuple[Impact, ...]
    remedies: tuple[RemedyEntry, ...]
    balances: tuple[BalanceEntry, ...]
    efficacy: tuple[tuple[EfficacyKey, RemedyStats], ...]
    evidence: tuple[Mapping[str, object], ...]

    @property
    def seconds(self) -> float:
        """Duration from the first failure to the end, or until now."""
        ended_wall = self.ended_wall
        return (self.now_wall if ended_wall is None else ended_wall) - self.began_wall


def involved_targets(incident: Incident) -> tuple[str, ...]:
    """The root, the targets that it affected, and those restarted after it."""
    names = (incident.target, *incident.affected, *incident.followers)
    return tuple(dict.fromkeys(names))


def journal_range(incident: Incident, now_wall: float) -> tuple[float, float]:
    """Time range in which the journal has entries about an incident."""
    resolved = incident.resolved_at
    until_wall = now_wall if resolved is None else resolved.wall
    return incident.opened_at.wall - LOOK_BACK_S, until_wall + SETTLING_S


def without_amounts(entries: Iterable[JournalEntry]) -> tuple[JournalEntry, ...]:
    """The entries without amounts, for readers who may not see a wallet's balance."""
    return tuple(
        replace(
            entry, data={k: v for k, v in entry.data.items() if k not in _AMOUNT_KEYS}
        )
        if entry.kind is EntryKind.BALANCE
        else entry
        for entry in entries
    )


def build_incident_review(
    incident: Incident,
    entries: Iterable[JournalEntry],
    watched: Iterable[MonitoredInterval],
    now_wall: float,
    *,
    efficacy: Sequence[tuple[EfficacyKey, RemedyStats]] = (),
    evidence: Sequence[Mapping[str, object]] = (),
) -> IncidentReview:
    """Review an incident by the entries of ``journal_range`` on its targets."""
    all_entries = tuple(entries)
    _, until_wall = journal_range(incident, now_wall)
    coverage = MonitoredTime(extend_to_now(tuple(watched), until_wall))
    impacts = _extend_to_first_failure(
        tuple(_impacts(incident, all_entries, coverage, now_wall)), incident, coverage
    )
    began_wall = min([incident.since_wall, *(impact.from_wall for impact in impacts)])
    since_then = tuple(entry for entry in all_entries if entry.at_wall >= began_wall)
    resolved = incident.resolved_at
    return IncidentReview(
        incident,
        now_wall,
        began_wall,
        resolved.wall if resolved is not None else None,
        since_then,
        impacts,
        tuple(_remedy_entry(e) for e in since_then if e.kind is EntryKind.REMEDY),
        tuple(_balance_entry(e) for e in since_then if e.kind is EntryKind.BALANCE),
        tuple(efficacy),
        tuple(evidence),
    )


def _impacts(
    incident: Incident,
    entries: Sequence[JournalEntry],
    coverage: MonitoredTime,
    now_wall: float,
) -> Iterable[Impact]:
    since_wall, until_wall = journal_range(incident, now_wall)
    until_wall = min(until_wall, now_wall)
    tracker = OutageTracker(since_wall, coverage)
    facts = [fact for entry in entries for fact in tracker.add(entry)]
    facts += tracker.close(until_wall, involved_targets(incident))
    for target in involved_targets(incident):
        outages = [
            fact
            for fact in facts
            if isinstance(fact, Outage)
            and fact.target == target
            and fact.spans
            and fact.ended_wall >= incident.opened_at.wall
        ]
        intervals = [f for f in facts if isinstance(f, Interval) and f.target == target]
        if outages:
            yield _impact(outages, intervals, coverage, until_wall)


def _extend_to_first_failure(
    impacts: tuple[Impact, ...], incident: Incident, coverage: MonitoredTime
) -> tuple[Impact, ...]:
    """Extend the first outage back to the incident's first failure.

    A state changes when a probe has ended; the failure began when the probe was sent.
    """
    first = min(impacts, key=lambda impact: impact.from_wall, default=None)
    began_wall = incident.since_wall
    if first is None or first.from_wall <= began_wall:
        return impacts
    more_s = coverage.seconds(began_wall, first.from_wall)
    extended = first._replace(from_wall=began_wall, down_s=first.down_s + more_s)
    return tuple(extended if impact is first else impact for impact in impacts)


def _impact(
    outages: Sequence[Outage],
    intervals: Sequence[Interval],
    coverage: MonitoredTime,
    until_wall: float,
) -> Impact:
    begin, end, is_back = _outage_range(outages, intervals)

    def measured_s(interval: Interval) -> float:
        start_wall = max(interval.began_wall, begin)
        end_wall = min(interval.ended_wall, end)
        return coverage.seconds(start_wall, end_wall)

    up_s = sum(
        measured_s(interval)
        for interval in intervals
        if interval.kind is IntervalKind.UP
    )
    down_s = sum(
        measured_s(interval)
        for interval in intervals
        if interval.kind is not IntervalKind.UP
    )
    down_s += sum(
        coverage.seconds(*span) for outage in outages for span in outage.spans
    )
    return Impact(
        outages[0].target,
        begin,
        end if is_back or end < until_wall else None,
        down_s,
        max(0.0, end - begin - up_s - down_s),
    )


def _outage_range(
    outages: Sequence[Outage], intervals: Sequence[Interval]
) -> tuple[float, float, bool]:
    """Begin and end of the outages, and whether the target worked again at the end."""
    begin, last = outages[0].began_wall, outages[-1]
    if last.repaired:
        return begin, last.ended_wall, True
    later = [
        interval for interval in intervals if interval.ended_wall > last.ended_wall
    ]
    up_again_walls = [
        interval.began_wall for interval in later if interval.kind is IntervalKind.UP
    ]
    if up_again_walls:
        return begin, min(up_again_walls), True
    return begin, max([last.ended_wall, *(s.ended_wall for s in later)]), False


def _remedy_entry(entry: JournalEntry) -> RemedyEntry:
    data = entry.data
    seconds = data["seconds"]
    cause = data["cause"]
    return RemedyEntry(
        entry.at_wall,
        entry.target,
        str(data["action"]),
        str(data["trigger"]),
        str(cause) if cause is not None else None,
        str(data["outcome"]),
        str(data["reason"]),
        float(seconds) if isinstance(seconds, int | float) else 0.0,
    )


def _balance_entry(entry: JournalEntry) -> BalanceEntry:
    data = entry.data
    return BalanceEntry(
        entry.at_wall,
        entry.target,
        str(data["comparison"]),
        str(data["reason"]),
        _parse_amounts(data.get("before")),
        _parse_amounts(data.get("after")),
    )


def _parse_amounts(amounts: object) -> Mapping[str, str] | None:
    if not isinstance(amounts, Mapping):
        return None
    return {str(part): str(amount) for part, amount in amounts.items()}
