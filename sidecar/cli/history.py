"""Commands about the past: the history, and the success of remedies."""

from urllib.parse import urlencode

import click

from sidecar.cli.client import Api, ApiError, Json
from sidecar.cli.completion import complete_target
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import (
    format_duration,
    format_time,
    localize_times,
    show_json,
    show_table,
)
from sidecar.core.text.known_names import list_known


@click.command(
    epilog=examples(
        "sidecar history --since 1d",
        "sidecar history --target electron-cash",
    )
)
@click.option(
    "--target",
    shell_complete=complete_target,
    help="Show only this target or replica.",
)
@click.option(
    "--since",
    metavar="DURATION",
    default="7d",
    show_default=True,
    help="Length of the period until now, such as 12h or 7d.",
)
@click.option("--cures", is_flag=True, hidden=True)
@as_json
@talks_to_sidecar
def history(
    api: Api, target: str | None, since: str, cures: bool, as_json: bool
) -> int:
    """List state changes, decisions, remedies and incidents, oldest first."""
    if cures:
        raise click.UsageError("--cures is a command of its own now: sidecar remedies")
    query = urlencode({"since": since, **({"target": target} if target else {})})
    answer = api.get(f"/api/v1/history?{query}")
    if as_json:
        show_json(answer)
        return 0
    show_table(("at", "target", "what", "why"), [_row(e) for e in answer["entries"]])
    if not answer["complete"]:
        click.echo("older ones are left out; ask for one --target", err=True)
    return 0


def _row(entry: Json) -> tuple[str, ...]:
    return (
        format_time(entry["at"]),
        entry["target"],
        _describe_entry(entry),
        localize_times(entry["reason"] or ""),
    )


def _describe_entry(entry: Json) -> str:
    match entry["type"]:
        case "transition":
            cause = f" ({entry['cause']})" if entry["cause"] else ""
            return f"{entry['from']} -> {entry['to']}{cause}"
        case "decision":
            guard = "" if entry["guard"] == "none" else f" ({entry['guard']})"
            return f"{entry['action']}{guard}"
        case "outcome":
            took = format_duration(entry["seconds"])
            return f"{entry['action']}: {entry['outcome']}, {took}"
        case "balance":
            return f"balance: {entry['comparison'].replace('_', ' ')}"
        case _:
            return f"incident {entry.get('step', '')}".rstrip()


@click.command(
    epilog=examples("sidecar remedies", "sidecar remedies --target electron-cash")
)
@click.option("--target", shell_complete=complete_target, help="Show only this target.")
@as_json
@talks_to_sidecar
def remedies(api: Api, target: str | None, as_json: bool) -> int:
    """List how often each remedy was tried, by cause, and how often it helped."""
    stats = api.get("/api/v1/remedies")["remedies"]
    target_stats = [stat for stat in stats if target in {None, stat["target"]}]
    if target and not target_stats:
        _check_target(api, target)
    if as_json:
        show_json({"remedies": target_stats})
    else:
        _show_remedies(target_stats)
    return 0


def _check_target(api: Api, name: str) -> None:
    """Raise ApiError if there is no target of this name."""
    target_names = [target["target"] for target in api.get("/api/v1/status")["targets"]]
    if name not in target_names:
        raise ApiError(f"there is no target {name}; {list_known(name, target_names)}")


def _show_remedies(stats: list[Json]) -> None:
    rows = [
        (
            stat["target"],
            stat["cause"],
            stat["remedy"],
            str(stat["tries"]),
            str(stat["recovered"]),
            format_duration(stat["median_seconds"]),
        )
        for stat in stats
    ]
    show_table(("target", "cause", "remedy", "tries", "helped", "median"), rows)
