"""The command ``report``: availability of all targets in a period."""

from datetime import datetime
from urllib.parse import urlencode

import click
from msgspec import UNSET

from sidecar.api_types.report import (
    AvailabilityReport,
    Period,
    PeriodTotals,
    TargetTotals,
    TotalsWithBefore,
)
from sidecar.cli.client import Api
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import format_duration, format_time, show_json, show_table

_COLUMNS = (
    "target",
    "available",
    "measured",
    "before",
    "outages",
    "before",
    "down",
    "mttr",
    "mtbf",
    "restarts",
    "on purpose",
    "not measured",
)


@click.command(epilog=examples("sidecar report", "sidecar report --window 7d --json"))
@click.option(
    "--window",
    metavar="DURATION",
    default="30d",
    show_default=True,
    help="Length of the period until now, such as 12h or 30d.",
)
@click.option("--drills", is_flag=True, help="Count what drills caused as well.")
@as_json
@talks_to_sidecar
def report(api: Api, window: str, drills: bool, as_json: bool) -> int:
    """Show availability, outages and restarts, and those of the period before.

    Only time with data counts: `available` is the share of the time `measured`, and
    the first lines say from when there is data. Planned restarts and stops by an
    operator count neither as available nor as down; nor do drills.
    """
    query = {"window": window, **({"drills": "1"} if drills else {})}
    path = f"/api/v1/report?{urlencode(query)}"
    answer = api.get(path, AvailabilityReport)
    if as_json:
        show_json(answer.document)
        return 0
    result = answer.value
    period = result.period
    print(f"from {format_time(period.from_)} to {format_time(period.until)}")
    if result.data_from is not UNSET:
        print(_describe_data(result.data_from, period))
    rows = [_row(target.target, target) for target in result.targets]
    show_table(_COLUMNS, [*rows, _row("all", result.total)])
    causes = [line for target in result.targets for line in _causes(target)]
    if causes:
        print()
        show_table(("target", "cause", "outages", "minutes"), causes)
    if result.unwatched_seconds:
        print(f"\nnobody watched for {format_duration(result.unwatched_seconds)} of it")
    return 0


def _describe_data(since: str | None, period: Period) -> str:
    """From when there is data, and what the figures count."""
    if since is None:
        return "no data in this period"
    span = _format_span(since, period.until)
    whole = _format_span(period.from_, period.until)
    return (
        f"data from {format_time(since)}: {span} of {whole}; the figures count only "
        "the time with data"
    )


def _format_span(since: str, until: str) -> str:
    span = datetime.fromisoformat(until) - datetime.fromisoformat(since)
    return format_duration(span.total_seconds())


def _row(name: str, totals: TotalsWithBefore) -> tuple[str, ...]:
    return (
        name,
        _format_percent(totals.availability),
        format_duration(totals.measured_seconds),
        *_figures_before(totals.before, str(totals.outages)),
        format_duration(totals.down_seconds),
        format_duration(totals.mttr_seconds),
        format_duration(totals.mtbf_seconds),
        str(totals.restarts),
        format_duration(totals.planned_seconds + totals.stopped_seconds),
        format_duration(totals.gap_seconds),
    )


def _figures_before(before: PeriodTotals | None, outages: str) -> tuple[str, str, str]:
    """Availability before, outages now, outages before."""
    if before is None:
        return "no data", outages, "no data"
    return _format_percent(before.availability), outages, str(before.outages)


def _format_percent(share: float | None) -> str:
    return f"{share:.3%}" if share is not None else "no data"


def _causes(target: TargetTotals) -> list[tuple[str, ...]]:
    return [
        (
            target.target,
            cause.cause,
            str(cause.outages),
            f"{cause.down_seconds / 60:.1f}",
        )
        for cause in target.causes
    ]
