"""How available everyone was."""

from urllib.parse import urlencode

import click

from sidecar.cli.client import Api, Json
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import lasted, second, show_json, show_table

_COLUMNS = (
    "target",
    "available",
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
    help="How far back, as 12h or 30d.",
)
@as_json
@talks_to_sidecar
def report(api: Api, window: str, as_json: bool) -> int:
    """Availability, outages and restarts, beside the period before.

    Only time that was measured counts. What was stopped or restarted on purpose
    counts neither way.
    """
    told = api.get(f"/api/v1/report?{urlencode({'window': window})}")
    if as_json:
        show_json(told)
        return 0
    print(f"from {second(told['period']['from'])} to {second(told['period']['until'])}")
    rows = [_row(one["target"], one) for one in told["targets"]]
    show_table(_COLUMNS, [*rows, _row("all", told["total"])])
    causes = [line for one in told["targets"] for line in _causes(one)]
    if causes:
        print()
        show_table(("target", "cause", "outages", "minutes"), causes)
    if told["unwatched_seconds"]:
        print(f"\nnobody watched for {lasted(told['unwatched_seconds'])} of it")
    return 0


def _row(name: str, one: Json) -> tuple[str, ...]:
    before = one["before"] or {}
    return (
        name,
        _percent(one["availability"]),
        _percent(before.get("availability")),
        str(one["outages"]),
        str(before["outages"]) if before else "no data",
        lasted(one["down_seconds"]),
        lasted(one["mttr_seconds"]),
        lasted(one["mtbf_seconds"]),
        str(one["restarts"]),
        lasted(one["planned_seconds"] + one["stopped_seconds"]),
        lasted(one["gap_seconds"]),
    )


def _percent(share: float | None) -> str:
    return f"{share:.3%}" if share is not None else "no data"


def _causes(one: Json) -> list[tuple[str, ...]]:
    return [
        (
            one["target"],
            cause["cause"],
            str(cause["outages"]),
            f"{cause['down_seconds'] / 60:.1f}",
        )
        for cause in one["causes"]
    ]
