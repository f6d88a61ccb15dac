"""What the HTTP API shows of the past: pure functions to JSON-ready values."""

from collections.abc import Iterable, Mapping, Sequence

from sidecar.core.model.journal_entry import JournalEntry, MonitoredInterval
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.state import EfficacyKey
from sidecar.core.reporting.availability import Period, Report
from sidecar.core.reporting.incident_review import (
    BalanceEntry,
    Impact,
    IncidentReview,
    RemedyEntry,
)
from sidecar.core.reporting.timeline import TimelineEntry, build_timeline
from sidecar.core.reporting.totals import PeriodComparison, Totals
from sidecar.core.text.formatting import median, rfc3339
from sidecar.web.views.status import Json, incident

MAX_GAPS = 100
_STARTS = frozenset({"start", "restart"})


# --- one incident


def incident_review(found: IncidentReview) -> Json:
    """An incident, its course, and what it came to."""
    course = build_timeline(found.entries)
    return {
        **incident(found.incident),
        "began_at": rfc3339(found.began_wall),
        "seconds": _round(found.seconds),
        "impact": [_impact(one) for one in found.impacts],
        "timeline": [_timeline_entry(line) for line in course.lines],
        "timeline_left_out": course.left_out,
        "remedies": [_remedy_entry(one) for one in found.done],
        "balances": [_balance_entry(one) for one in found.balances],
        "efficacy": [_remedy_stat(key, record) for key, record in found.efficacy],
        "evidence": list(found.evidence),
    }


def _impact(one: Impact) -> Json:
    until = one.until_wall
    return {
        "target": one.target,
        "from": rfc3339(one.from_wall),
        "until": rfc3339(until) if until is not None else None,
        "down_seconds": _round(one.down_s),
        "unmeasured_seconds": _round(one.unmeasured_s),
    }


def _timeline_entry(line: TimelineEntry) -> Json:
    return {
        "at": rfc3339(line.at_wall),
        "until": rfc3339(line.until_wall),
        "kind": line.kind,
        "target": line.target,
        "text": line.text,
        "count": line.count,
    }


def _remedy_entry(one: RemedyEntry) -> Json:
    return {
        "at": rfc3339(one.at_wall),
        "target": one.target,
        "action": one.action,
        "trigger": one.trigger,
        "cause": one.cause,
        "outcome": one.outcome,
        "reason": one.reason,
        "seconds": _round(one.seconds),
    }


def _balance_entry(one: BalanceEntry) -> Json:
    return {
        "at": rfc3339(one.at_wall),
        "target": one.target,
        "comparison": one.comparison,
        "reason": one.reason,
        "before": one.before,
        "after": one.after,
    }


# --- history and ledger


def history(entries: Sequence[JournalEntry], *, complete: bool) -> Json:
    """Records as the stream of events has them; not ``complete``: older ones lack."""
    return {"complete": complete, "entries": [_entry(one) for one in entries]}


def _entry(entry: JournalEntry) -> Json:
    return {
        **entry.data,
        "at": rfc3339(entry.at_wall),
        "target": entry.target,
        "incident": entry.incident,
    }


def remedy_stats(ledger: Mapping[EfficacyKey, RemedyStats]) -> Json:
    """Per target, cause and remedy: how often it was tried, and helped."""
    return {"remedies": [_remedy_stat(key, ledger[key]) for key in sorted(ledger)]}


def _remedy_stat(key: EfficacyKey, record: RemedyStats) -> Json:
    return {
        "target": key.target,
        "cause": key.cause,
        "remedy": key.remedy,
        "tries": record.tries,
        "recovered": record.recovered,
        "median_seconds": _round(median(record.seconds)),
    }


# --- report


def report(made: Report) -> Json:
    """Everyone in the period and in the one before; null: no data."""
    gap_s = sum(gap.until_wall - gap.from_wall for gap in made.gaps)
    return {
        "period": _period(made.period),
        "before": _period(made.before),
        "unwatched_seconds": _round(gap_s),
        "gaps": [_gap(gap) for gap in _longest_gaps(made.gaps)],
        "total": _comparison(made.total),
        "targets": [
            {"target": name, **_comparison(account)}
            for name, account in made.targets.items()
        ],
    }


def _period(period: Period) -> Json:
    return {"from": rfc3339(period.from_wall), "until": rfc3339(period.until_wall)}


def _longest_gaps(gaps: Iterable[MonitoredInterval]) -> list[MonitoredInterval]:
    by_length = sorted(gaps, key=lambda gap: gap.from_wall - gap.until_wall)
    return sorted(by_length[:MAX_GAPS])


def _gap(gap: MonitoredInterval) -> Json:
    return {"from": rfc3339(gap.from_wall), "until": rfc3339(gap.until_wall)}


def _comparison(account: PeriodComparison) -> Json:
    before = account.before
    known = before.availability is not None
    return {**_totals(account.now), "before": _totals(before) if known else None}


def _totals(tally: Totals) -> Json:
    restarts = {k: n for k, n in tally.remedies.items() if k.action in _STARTS}
    return {
        "availability": _round(tally.availability, 6),
        "up_seconds": _round(tally.up_s),
        "down_seconds": _round(tally.down_s),
        "planned_seconds": _round(tally.planned_s),
        "stopped_seconds": _round(tally.stopped_s),
        "gap_seconds": _round(tally.gap_s),
        "outages": tally.outages,
        "blips": tally.blips,
        "mttr_seconds": _round(tally.mttr_s),
        "mtbf_seconds": _round(tally.mtbf_s),
        "causes": [
            {
                "cause": name,
                "outages": one.outages,
                "down_seconds": _round(one.down_s),
            }
            for name, one in sorted(tally.causes.items())
        ],
        "restarts": sum(restarts.values()),
        "remedies": [
            {**kind._asdict(), "count": count}
            for kind, count in sorted(tally.remedies.items())
        ],
    }


def _round(value: float | None, digits: int = 3) -> float | None:
    return round(value, digits) if value is not None else None
