"""Commands about the past: the history, and the success of remedies."""

from urllib.parse import urlencode

import click
import msgspec

from sidecar.api_types.incidents import RemedyList, RemedyStatistics
from sidecar.api_types.records import (
    RECORD_TYPES,
    BalanceRecord,
    DecisionRecord,
    DrillStepRecord,
    History,
    HistoryRecord,
    OutcomeRecord,
    TransitionRecord,
)
from sidecar.api_types.status import StackStatus
from sidecar.cli.client import Api, ApiError, Json
from sidecar.cli.completion import complete_target
from sidecar.cli.options import as_json, examples, since, talks_to_sidecar
from sidecar.cli.output import (
    format_duration,
    format_time,
    localize_times,
    show_json,
    show_table,
)
from sidecar.core.text.known_names import list_known

_NO_GUARD = ("none", msgspec.UNSET)


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
@since
@click.option("--cures", is_flag=True, hidden=True)
@as_json
@talks_to_sidecar
def history(
    api: Api, target: str | None, since: str, cures: bool, as_json: bool
) -> int:
    """List state changes, decisions, remedies, incidents and drills, oldest first.

    What happened in a drill, at its target or a dependent, ends with [drill].
    """
    if cures:
        raise click.UsageError("--cures is a command of its own now: sidecar remedies")
    query = urlencode({"since": since, **({"target": target} if target else {})})
    document = api.get(f"/api/v1/history?{query}", History).document
    if as_json:
        show_json(document)
        return 0
    result = read_records(document)
    show_table(("at", "target", "what", "why"), [_row(e) for e in result.entries])
    if not result.complete:
        click.echo("older ones are left out; ask for one --target", err=True)
    return 0


def read_records(document: Json) -> History:
    """The history without records whose type only a newer sidecar knows."""
    known_records = [
        entry for entry in document["entries"] if entry["type"] in RECORD_TYPES
    ]
    return msgspec.convert({**document, "entries": known_records}, History)


def _row(record: HistoryRecord) -> tuple[str, ...]:
    return (
        format_time(record.at),
        record.target,
        _describe_record(record) + _mark_drill(record),
        localize_times(record.reason or ""),
    )


def _mark_drill(record: HistoryRecord) -> str:
    is_marked = record.drill and not isinstance(record, DrillStepRecord)
    return " [drill]" if is_marked else ""


def _describe_record(record: HistoryRecord) -> str:
    match record:
        case TransitionRecord():
            cause = f" ({record.cause})" if record.cause else ""
            return f"{record.from_ or '?'} -> {record.to or '?'}{cause}"
        case DecisionRecord():
            guard = "" if record.guard in _NO_GUARD else f" ({record.guard})"
            return f"{record.action or '?'}{guard}"
        case OutcomeRecord():
            took = format_duration(record.seconds or None)
            return f"{record.action or '?'}: {record.outcome or '?'}, {took}"
        case BalanceRecord():
            return f"balance: {(record.comparison or '?').replace('_', ' ')}"
        case DrillStepRecord():
            step = record.outcome if record.step == "ended" else record.step
            return f"drill {record.fault or '?'}: {step or '?'}"
        case _:
            return f"incident {record.step or ''}".rstrip()


@click.command(
    epilog=examples("sidecar remedies", "sidecar remedies --target electron-cash")
)
@click.option("--target", shell_complete=complete_target, help="Show only this target.")
@as_json
@talks_to_sidecar
def remedies(api: Api, target: str | None, as_json: bool) -> int:
    """List how often each remedy was tried, by cause, and how often it helped."""
    stats = api.get("/api/v1/remedies", RemedyList).value.remedies
    target_stats = [stat for stat in stats if target in {None, stat.target}]
    if target and not target_stats:
        _check_target(api, target)
    if as_json:
        show_json({"remedies": msgspec.to_builtins(target_stats)})
    else:
        _show_remedies(target_stats)
    return 0


def _check_target(api: Api, name: str) -> None:
    """Raise ApiError if there is no target of this name."""
    status = api.get("/api/v1/status", StackStatus).value
    target_names = [target.target for target in status.targets]
    if name not in target_names:
        raise ApiError(f"there is no target {name}; {list_known(name, target_names)}")


def _show_remedies(stats: list[RemedyStatistics]) -> None:
    rows = [
        (
            stat.target,
            stat.cause,
            stat.remedy,
            str(stat.tries),
            str(stat.recovered),
            format_duration(stat.median_seconds),
        )
        for stat in stats
    ]
    show_table(("target", "cause", "remedy", "tries", "helped", "median"), rows)
