"""History as the HTTP API shows it: pure functions to the types of its answers."""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from msgspec import Struct, structs

from sidecar.api_types import incidents, records
from sidecar.api_types import report as report_types
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
from sidecar.web.views.status import incident

MAX_GAPS = 100
_STARTS = frozenset({"start", "restart", "recreate"})

S = TypeVar("S", bound=Struct)


# --- one incident


def incident_review(review: IncidentReview) -> incidents.IncidentDetail:
    """An incident with its impact, timeline, remedies and evidence."""
    course = build_timeline(review.entries)
    summary = structs.asdict(incident(review.incident))
    return incidents.IncidentDetail(
        **{**summary, "began_at": rfc3339(review.began_wall)},
        seconds=round(review.seconds, 3),
        impact=tuple(map(_impact, review.impacts)),
        timeline=tuple(map(_timeline_line, course.lines)),
        timeline_left_out=course.left_out,
        remedies=tuple(map(_remedy, review.remedies)),
        balances=tuple(map(_balance, review.balances)),
        efficacy=tuple(_statistics(key, record) for key, record in review.efficacy),
        evidence=tuple(map(evidence, review.evidence)),
    )


def _impact(impact: Impact) -> incidents.Impact:
    until = impact.until_wall
    return incidents.Impact(
        target=impact.target,
        from_=rfc3339(impact.from_wall),
        until=rfc3339(until) if until is not None else None,
        down_seconds=round(impact.down_s, 3),
        unmeasured_seconds=round(impact.unmeasured_s, 3),
    )


def _timeline_line(line: TimelineEntry) -> incidents.TimelineLine:
    return incidents.TimelineLine(
        at=rfc3339(line.at_wall),
        until=rfc3339(line.until_wall),
        kind=line.kind,
        target=line.target,
        text=line.text,
        count=line.count,
    )


def _remedy(remedy: RemedyEntry) -> incidents.RemedySummary:
    return incidents.RemedySummary(
        at=rfc3339(remedy.at_wall),
        target=remedy.target,
        action=remedy.action,
        trigger=remedy.trigger,
        cause=remedy.cause,
        outcome=remedy.outcome,
        reason=remedy.reason,
        seconds=round(remedy.seconds, 3),
    )


def _balance(balance: BalanceEntry) -> incidents.BalanceSummary:
    before, after = balance.before, balance.after
    return incidents.BalanceSummary(
        at=rfc3339(balance.at_wall),
        target=balance.target,
        comparison=balance.comparison,
        reason=balance.reason,
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
    )


def evidence(bundle: Mapping[str, object]) -> records.Evidence:
    """One bundle of evidence, as far as it is on record."""
    return _fill(records.Evidence, bundle)


def _fill(kind: type[S], values: Mapping[str, object]) -> S:
    """A struct from stored values, which are not checked again."""
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    return kind(**{name: values[key] for name, key in names if key in values})


# --- history and ledger


def history(
    entries: Iterable[JournalEntry],
    *,
    complete: bool,
    begins: Iterable[records.DrillStepRecord] = (),
    ends: Iterable[records.DrillStepRecord] = (),
) -> records.History:
    """Records as in the event stream, and the ``begins`` and ``ends`` of drills.

    Not ``complete``: older ones are missing.
    """
    known_entries = (e for e in entries if e.data.get("type") in records.RECORD_TYPES)
    all_records = [*begins, *map(_record, known_entries), *ends]
    return records.History(
        complete=complete,
        entries=tuple(sorted(all_records, key=attrgetter("at"))),  # type: ignore[arg-type]  # RECORD_TYPES are those of HistoryRecord
    )


def _record(entry: JournalEntry) -> records.Record:
    return _fill(
        records.RECORD_TYPES[entry.data["type"]],
        {
            **entry.data,
            "at": rfc3339(entry.at_wall),
            "target": entry.target,
            "incident": entry.incident,
        },
    )


def remedy_stats(
    ledger: Mapping[EfficacyKey, RemedyStats],
) -> incidents.RemedyList:
    """Tries and successes per target, cause and remedy."""
    return incidents.RemedyList(
        remedies=tuple(_statistics(key, ledger[key]) for key in sorted(ledger))
    )


def _statistics(key: EfficacyKey, record: RemedyStats) -> incidents.RemedyStatistics:
    return incidents.RemedyStatistics(
        target=key.target,
        cause=key.cause,
        remedy=key.remedy,
        tries=record.tries,
        recovered=record.recovered,
        median_seconds=_round(median(record.seconds)),
    )


# --- report


def report(result: Report) -> report_types.AvailabilityReport:
    """Totals of every target in the period and in the one before; null: no data."""
    gap_s = sum(gap.until_wall - gap.from_wall for gap in result.gaps)
    total = result.total
    return report_types.AvailabilityReport(
        period=_period(result.period),
        before=_period(result.before),
        data_from=_instant(total.now.data_from_wall),
        unwatched_seconds=round(gap_s, 3),
        gaps=tuple(map(_period, _longest_gaps(result.gaps))),
        total=report_types.TotalsWithBefore(**_comparison(total)),
        targets=tuple(
            report_types.TargetTotals(target=name, **_comparison(account))
            for name, account in result.targets.items()
        ),
    )


def _period(period: Period | MonitoredInterval) -> report_types.Period:
    return report_types.Period(
        from_=rfc3339(period.from_wall), until=rfc3339(period.until_wall)
    )


def _longest_gaps(gaps: Iterable[MonitoredInterval]) -> list[MonitoredInterval]:
    by_length = sorted(gaps, key=lambda gap: gap.from_wall - gap.until_wall)
    return sorted(by_length[:MAX_GAPS])


def _comparison(account: PeriodComparison) -> dict[str, Any]:
    """The values of TotalsWithBefore by name."""
    before = account.before
    is_known = before.availability is not None
    return {
        **structs.asdict(_totals(account.now)),
        "before": _totals(before) if is_known else None,
    }


def _totals(tally: Totals) -> report_types.PeriodTotals:
    restarts = {k: n for k, n in tally.remedies.items() if k.action in _STARTS}
    return report_types.PeriodTotals(
        availability=_round(tally.availability, 6),
        measured_seconds=round(tally.measured_s, 3),
        data_from=_instant(tally.data_from_wall),
        up_seconds=round(tally.up_s, 3),
        down_seconds=round(tally.down_s, 3),
        planned_seconds=round(tally.planned_s, 3),
        stopped_seconds=round(tally.stopped_s, 3),
        gap_seconds=round(tally.gap_s, 3),
        outages=tally.outages,
        blips=tally.blips,
        mttr_seconds=_round(tally.mttr_s),
        mtbf_seconds=_round(tally.mtbf_s),
        causes=tuple(
            report_types.CauseTotals(
                cause=name, outages=totals.outages, down_seconds=round(totals.down_s, 3)
            )
            for name, totals in sorted(tally.causes.items())
        ),
        restarts=sum(restarts.values()),
        remedies=tuple(
            report_types.RemedyCount(**kind._asdict(), count=count)
            for kind, count in sorted(tally.remedies.items())
        ),
    )


def _instant(wall: float | None) -> str | None:
    return rfc3339(wall) if wall is not None else None


def _round(value: float | None, digits: int = 3) -> float | None:
    return round(value, digits) if value is not None else None
