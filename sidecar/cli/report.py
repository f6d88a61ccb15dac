"""The command ``report``: availability of all targets in a period."""

from datetime import datetime
from urllib.parse import urlencode

import click

from sidecar.cli.client import Api, Json
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
@as_json
@talks_to_sidecar
def report(api: Api, window: str, as_json: bool) -> int:
    """Show availability, outages and restarts, and those of the period before.

    Only time with data counts: `available` is the share of the time `measured`, and
    the first lines say from when there is data. Planned restarts and stops by an
    operator count neither as available nor as down.
    """
    answer = api.get(f"/api/v1/report?{urlencode({'window': window})}")
    if as_json:
        show_json(answer)
        return 0
    period = answer["period"]
    print(f"from {format_time(period['from'])} to {format_time(period['until'])}")
    print(_describe_data(answer))
    rows = [_row(target["target"], target) for target in answer["targets"]]
    show_table(_COLUMNS, [*rows, _row("all", answer["total"])])
    causes = [line for target in answer["targets"] for line in _causes(target)]
    if causes:
        print()
        show_table(("target", "cause", "outages", "minutes"), causes)
    if answer["unwatched_seconds"]:
        print(
            f"\nnobody watched for {format_duration(answer['unwatched_seconds'])} of it"
        )
    return 0


def _describe_data(answer: Json) -> str:
    """From when there is data, and what the figures count."""
    since, period = answer["data_from"], answer["period"]
    if since is None:
        return "no data in this period"
    span = _format_span(since, period["until"])
    whole = _format_span(period["from"], period["until"])
    return (
        f"data from {format_time(since)}: {span} of {whole}; the figures count only "
        "the time with data"
    )


def _format_span(since: str, until: str) -> str:
    span = datetime.fromisoformat(until) - datetime.fromisoformat(since)
    return format_duration(span.total_seconds())


def _row(name: str, stats: Json) -> tuple[str, ...]:
    before = stats["before"] or {}
    return (
        name,
        _format_percent(stats["availability"]),
        format_duration(stats["measured_seconds"]),
        _format_percent(before.get("availability")),
        str(stats["outages"]),
        str(before["outages"]) if before else "no data",
        format_duration(stats["down_seconds"]),
        format_duration(stats["mttr_seconds"]),
        format_duration(stats["mtbf_seconds"]),
        str(stats["restarts"]),
        format_duration(stats["planned_seconds"] + stats["stopped_seconds"]),
        format_duration(stats["gap_seconds"]),
    )


def _format_percent(share: float | None) -> str:
    return f"{share:.3%}" if share is not None else "no data"


def _causes(target: Json) -> list[tuple[str, ...]]:
    return [
        (
            target["target"],
            cause["cause"],
            str(cause["outages"]),
            f"{cause['down_seconds'] / 60:.1f}",
        )
        for cause in target["causes"]
    ]
