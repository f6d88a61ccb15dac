"""History as the HTTP API shows it: pure functions to JSON-ready values."""

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


def incident_review(review: IncidentReview) -> Json:
    """An incident with its impact, timeline, remedies and evidence."""
    course = build_timeline(review.entries)
    return {
        **incident(review.incident),
        "began_at": rfc3339(review.began_wall),
        "seconds": _round(review.seconds),
        "impact": [_impact(entry) for entry in review.impacts],
        "timeline": [_timeline_entry(line) for line in course.lines],
        "timeline_left_out": course.left_out,
        "remedies": [_remedy_entry(entry) for entry in review.remedies],
        "balances": [_balance_entry(entry) for entry in review.balances],
        "efficacy": [_remedy_stat(key, record) for key, record in review.efficacy],
        "evidence": list(review.evidence),
    }


def _impact(impact: Impact) -> Json:
    until = impact.until_wall
    return {
        "target": impact.target,
        "from": rfc3339(impact.from_wall),
        "until": rfc3339(until) if until is not None else None,
        "down_seconds": _round(impact.down_s),
        "unmeasured_seconds": _round(impact.unmeasured_s),
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


def _remedy_entry(remedy: RemedyEntry) -> Json:
    return {
        "at": rfc3339(remedy.at_wall),
        "target": remedy.target,
        "action": remedy.action,
        "trigger": remedy.trigger,
        "cause": remedy.cause,
        "outcome": remedy.outcome,
        "reason": remedy.reason,
        "seconds": _round(remedy.seconds),
    }


def _balance_entry(balance: BalanceEntry) -> Json:
    return {
        "at": rfc3339(balance.at_wall),
        "target": balance.target,
        "comparison": balance.comparison,
        "reason": balance.reason,
        "before": balance.before,
        "after": balance.after,
    }


# --- history and ledger


def history(entries: Sequence[JournalEntry], *, complete: bool) -> Json:
    """Records as in the event stream; not ``complete``: older ones are missing."""
    return {"complete": complete, "entries": [_entry(entry) for entry in entries]}


def _entry(entry: JournalEntry) -> Json:
    return {
        **entry.data,
        "at": rfc3339(entry.at_wall),
        "target": entry.target,
        "incident": entry.incident,
    }


def remedy_stats(ledger: Mapping[EfficacyKey, RemedyStats]) -> Json:
    """Tries and successes per target, cause and remedy."""
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


def report(result: Report) -> Json:
    """Totals of every target in the period and in the one before; null: no data."""
    gap_s = sum(gap.until_wall - gap.from_wall for gap in result.gaps)
    total = result.total
    return {
        "period": _period(result.period),
        "before": _period(result.before),
        "data_from": _instant(total.now.data_from_wall),
        "unwatched_seconds": _round(gap_s),
        "gaps": [_gap(gap) for gap in _longest_gaps(result.gaps)],
        "total": _comparison(total),
        "targets": [
            {"target": name, **_comparison(account)}
            for name, account in result.targets.items()
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
    is_known = before.availability is not None
    return {**_totals(account.now), "before": _totals(before) if is_known else None}


def _totals(tally: Totals) -> Json:
    restarts = {k: n for k, n in tally.remedies.items() if k.action in _STARTS}
    return {
        "availability": _round(tally.availability, 6),
        "measured_seconds": _round(tally.measured_s),
        "data_from": _instant(tally.data_from_wall),
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
                "outages": totals.outages,
                "down_seconds": _round(totals.down_s),
            }
            for name, totals in sorted(tally.causes.items())
        ],
        "restarts": sum(restarts.values()),
        "remedies": [
            {**kind._asdict(), "count": count}
            for kind, count in sorted(tally.remedies.items())
        ],
    }


def _instant(wall: float | None) -> str | None:
    return rfc3339(wall) if wall is not None else None


def _round(value: float | None, digits: int = 3) -> float | None:
    return round(value, digits) if value is not None else None
