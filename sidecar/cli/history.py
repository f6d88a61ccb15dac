"""What happened, and which remedies helped."""

from urllib.parse import urlencode

import click

from sidecar.cli.client import Api, Json
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import in_zone, lasted, second, show_json, show_table


@click.command(
    epilog=examples(
        "sidecar history --since 1d",
        "sidecar history --target electron-cash",
    )
)
@click.option("--target", help="Only this target or replica.")
@click.option(
    "--since",
    metavar="DURATION",
    default="7d",
    show_default=True,
    help="How far back, as 12h or 7d.",
)
@click.option("--cures", is_flag=True, hidden=True)
@as_json
@talks_to_sidecar
def history(
    api: Api, target: str | None, since: str, cures: bool, as_json: bool
) -> int:
    """State changes, decisions, remedies and incidents, oldest first."""
    if cures:
        raise click.UsageError("--cures is a command of its own now: sidecar remedies")
    query = urlencode({"since": since, **({"target": target} if target else {})})
    told = api.get(f"/api/v1/history?{query}")
    if as_json:
        show_json(told)
        return 0
    show_table(("at", "target", "what", "why"), [_row(e) for e in told["entries"]])
    if not told["complete"]:
        click.echo("older ones are left out; ask for one --target", err=True)
    return 0


def _row(entry: Json) -> tuple[str, ...]:
    return (
        second(entry["at"]),
        entry["target"],
        _what(entry),
        in_zone(entry["reason"] or ""),
    )


def _what(entry: Json) -> str:
    match entry["type"]:
        case "transition":
            cause = f" ({entry['cause']})" if entry["cause"] else ""
            return f"{entry['from']} -> {entry['to']}{cause}"
        case "decision":
            guard = "" if entry["guard"] == "none" else f" ({entry['guard']})"
            return f"{entry['action']}{guard}"
        case "outcome":
            took = lasted(entry["seconds"])
            return f"{entry['action']}: {entry['outcome']}, {took}"
        case "balance":
            return f"balance: {entry['comparison'].replace('_', ' ')}"
        case _:
            return f"incident {entry.get('step', '')}".rstrip()


@click.command(
    epilog=examples("sidecar remedies", "sidecar remedies --target electron-cash")
)
@click.option("--target", help="Only this target.")
@as_json
@talks_to_sidecar
def remedies(api: Api, target: str | None, as_json: bool) -> int:
    """How often each remedy was tried against each cause, and helped."""
    stats = api.get("/api/v1/remedies")["remedies"]
    shown = [one for one in stats if target in {None, one["target"]}]
    if as_json:
        show_json({"remedies": shown})
    else:
        _show_remedies(shown)
    return 0


def _show_remedies(stats: list[Json]) -> None:
    rows = [
        (
            one["target"],
            one["cause"],
            one["remedy"],
            str(one["tries"]),
            str(one["recovered"]),
            lasted(one["median_seconds"]),
        )
        for one in stats
    ]
    show_table(("target", "cause", "remedy", "tries", "helped", "median"), rows)
