"""What an incident came to, in figures: who was away for how long, what was done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import EntryKind, JournalEntry, MonitoredInterval
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.state import EfficacyKey
from sidecar.core.reporting.monitored_time import MonitoredTime, extend_to_now
from sidecar.core.reporting.outages import Interval, IntervalKind, Outage, OutageTracker

LOOK_BACK_S = 6 * 3600.0
"""How long before an incident was opened its first failure is looked for."""

_AMOUNTS = frozenset({"before", "after"})

SETTLING_S = 1.0
"""What belongs to an incident's end may be noted a moment after it."""


class Impact(NamedTuple):
    """How long a target was away, from its first failure until it worked for good.

    ``until_wall`` is None while it still is away. ``down_s`` counts the time in
    which it was stopped or started on purpose, too: it was to those who needed it.
    ``unmeasured_s``: in between, nobody watched for so long.
    """

    target: str
    from_wall: float
    until_wall: float | None
    down_s: float
    unmeasured_s: float


class RemedyEntry(NamedTuple):
    """A remedy that ended, in the words of the records."""

    at_wall: float
    target: str
    action: str
    trigger: str
    cause: str | None
    outcome: str
    reason: str
    seconds: float


class BalanceEntry(NamedTuple):
    """A wallet's balance around a remedy, in the words of the records.

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

    ``entries`` begin with its first failure. ``efficacy``: the ledger's lines about
    its root. ``evidence``: bundles, oldest first. ``now_wall``: when this was
    looked up.
    """

    incident: Incident
    now_wall: float
    began_wall: float
    ended_wall: float | None
    entries: tuple[JournalEntry, ...]
    impacts: tuple[Impact, ...]
    done: tuple[RemedyEntry, ...]
    balances: tuple[BalanceEntry, ...]
    efficacy: tuple[tuple[EfficacyKey, RemedyStats], ...]
    evidence: tuple[Mapping[str, object], ...]

    @property
    def seconds(self) -> float:
        """From the first failure to the end, or until now."""
        ended = self.ended_wall
        return (self.now_wall if ended is None else ended) - self.began_wall


def involved_targets(incident: Incident) -> tuple[str, ...]:
    """The root, whom it affected, and who was restarted after it."""
    names = (incident.target, *incident.affected, *incident.followers)
    return tuple(dict.fromkeys(names))


def journal_range(incident: Incident, now_wall: float) -> tuple[float, float]:
    """From when to when the journal has something about an incident."""
    resolved = incident.resolved_at
    until = now_wall if resolved is None else resolved.wall
    return incident.opened_at.wall - LOOK_BACK_S, until + SETTLING_S


def without_amounts(entries: Iterable[JournalEntry]) -> tuple[JournalEntry, ...]:
    """For whoever may not see what is in a wallet."""
    return tuple(
        replace(entry, data={k: v for k, v in entry.data.items() if k not in _AMOUNTS})
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
    """Work out an incident from the entries of ``span_of`` about ``concerned``."""
    told = tuple(entries)
    _, until = journal_range(incident, now_wall)
    coverage = MonitoredTime(extend_to_now(tuple(watched), until))
    impacts = _from_first_failure(
        tuple(_impacts(incident, told, coverage, now_wall)), incident, coverage
    )
    began = min([incident.since_wall, *(one.from_wall for one in impacts)])
    since_then = tuple(entry for entry in told if entry.at_wall >= began)
    resolved = incident.resolved_at
    return IncidentReview(
        incident,
        now_wall,
        began,
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
    since, until = journal_range(incident, now_wall)
    until = min(until, now_wall)
    course = OutageTracker(since, coverage)
    facts = [fact for entry in entries for fact in course.add(entry)]
    facts += course.close(until, involved_targets(incident))
    for target in involved_targets(incident):
        outages = [
            fact
            for fact in facts
            if isinstance(fact, Outage)
            and fact.target == target
            and fact.spans
            and fact.ended_wall >= incident.opened_at.wall
        ]
        spells = [f for f in facts if isinstance(f, Interval) and f.target == target]
        if outages:
            yield _impact(outages, spells, coverage, until)


def _from_first_failure(
    impacts: tuple[Impact, ...], incident: Incident, coverage: MonitoredTime
) -> tuple[Impact, ...]:
    """A state changes when a probe has ended; who failed first failed when it was
    sent, which is the incident's beginning everywhere.
    """
    first = min(impacts, key=lambda one: one.from_wall, default=None)
    began = incident.since_wall
    if first is None or first.from_wall <= began:
        return impacts
    more_s = coverage.seconds(began, first.from_wall)
    whole = first._replace(from_wall=began, down_s=first.down_s + more_s)
    return tuple(whole if one is first else one for one in impacts)


def _impact(
    outages: Sequence[Outage],
    spells: Sequence[Interval],
    coverage: MonitoredTime,
    until: float,
) -> Impact:
    begin, end, is_back = _stretch(outages, spells)

    def within(spell: Interval) -> float:
        since, till = max(spell.began_wall, begin), min(spell.ended_wall, end)
        return coverage.seconds(since, till)

    up_s = sum(within(spell) for spell in spells if spell.kind is IntervalKind.UP)
    down_s = sum(within(spell) for spell in spells if spell.kind is not IntervalKind.UP)
    down_s += sum(coverage.seconds(*span) for one in outages for span in one.spans)
    return Impact(
        outages[0].target,
        begin,
        end if is_back or end < until else None,
        down_s,
        max(0.0, end - begin - up_s - down_s),
    )


def _stretch(
    outages: Sequence[Outage], spells: Sequence[Interval]
) -> tuple[float, float, bool]:
    """From the first failure until it worked again, or the last that is known."""
    begin, last = outages[0].began_wall, outages[-1]
    if last.repaired:
        return begin, last.ended_wall, True
    later = [spell for spell in spells if spell.ended_wall > last.ended_wall]
    back = [spell.began_wall for spell in later if spell.kind is IntervalKind.UP]
    if back:
        return begin, min(back), True
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
        _amounts(data.get("before")),
        _amounts(data.get("after")),
    )


def _amounts(said: object) -> Mapping[str, str] | None:
    if not isinstance(said, Mapping):
        return None
    return {str(part): str(amount) for part, amount in said.items()}
