"""The command ``replay``: recorded outages with other settings."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import click

from sidecar.api_types.records import History
from sidecar.cli.client import Api
from sidecar.cli.history import read_records
from sidecar.cli.local_commands_port import (
    LocalCommands,
    ReplayedOutage,
    ReplayFigures,
    ReplayReport,
)
from sidecar.cli.options import as_json, examples, since, talks_to_sidecar
from sidecar.cli.output import format_duration, format_time, show_json, show_table
from sidecar.cli.progress import show_progress
from sidecar.cli.recorded_outages import find_outages
from sidecar.core.model.recorded_outage import RecordedOutage

ASSUMPTIONS = (
    "an outage that a restart ended ends after as many restarts, whenever they come",
    "any other outage lasts as long as it did",
    "a container answers 5 s after its start",
    "budgets and statistics begin fresh after half an hour without an outage",
)


@click.command(
    epilog=examples(
        "sidecar replay --since 7d --config new.yaml",
        "sidecar replay --since 30d --config new.yaml --against old.yaml --json",
    )
)
@click.option(
    "--config",
    "new",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file with the new settings.",
)
@click.option(
    "--against",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file with the present settings. Default: SIDECAR_CONFIG, else "
    "/etc/sidecar/sidecar.yaml if it exists.",
)
@since
@as_json
@talks_to_sidecar
@click.pass_obj
def replay(
    local: LocalCommands,
    api: Api,
    new: Path,
    file: Path | None,
    since: str,
    as_json: bool,
) -> int:
    """Show what other settings would have done with the recorded outages.

    The outages of the history are simulated with the present and with the new settings;
    the engine and the targets are not asked. What the record does not say is estimated,
    and the assumptions are listed.
    """
    query = urlencode({"since": since})
    document = api.get(f"/api/v1/history?{query}", History).document
    history = read_records(document)
    report = local.replay(new, file, find_outages(history.entries), show_progress)
    if as_json:
        show_json(_document(report, is_complete=history.complete))
    else:
        _show(report, is_complete=history.complete)
    return 0


def _show(report: ReplayReport, *, is_complete: bool) -> None:
    if not is_complete:
        click.echo("older records are left out: choose a shorter --since", err=True)
    columns = ("", "incidents", "restarts", "messages", "unavailable")
    rows = (
        ("recorded", report.recorded),
        ("present settings (estimated)", report.present),
        ("new settings (estimated)", report.new),
    )
    show_table(columns, [(name, *_figures(figures)) for name, figures in rows])
    different = [o for o in report.outages if o.present_s != o.new_s]
    print()
    if different:
        show_table(
            ("at", "target", "cause", "first restart now", "with the new settings"),
            [_row(outage) for outage in different],
        )
    else:
        print(f"no difference in {len(report.outages)} outages")
    for outage in report.left_out:
        print(f"not replayed: {_describe(outage)}")
    print()
    for line in ASSUMPTIONS:
        print(f"assumed: {line}")


def _figures(figures: ReplayFigures) -> tuple[str, str, str, str]:
    return (
        _or_dash(figures.incidents),
        str(figures.restarts),
        _or_dash(figures.messages),
        format_duration(figures.unavailable_s),
    )


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)


def _row(replayed: ReplayedOutage) -> tuple[str, ...]:
    outage = replayed.outage
    return (
        format_time(_instant(outage.began_wall)),
        outage.name,
        outage.cause or "",
        _describe_delay(replayed.present_s),
        _describe_delay(replayed.new_s),
    )


def _describe_delay(seconds: float | None) -> str:
    return "none" if seconds is None else f"after {format_duration(seconds)}"


def _describe(outage: RecordedOutage) -> str:
    at = format_time(_instant(outage.began_wall))
    return f"{outage.name}, {outage.cause or 'cause not known'}, {at}"


def _instant(wall: float) -> str:
    at = datetime.fromtimestamp(wall, UTC)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _document(report: ReplayReport, *, is_complete: bool) -> dict[str, object]:
    return {
        "complete": is_complete,
        "recorded": report.recorded._asdict(),
        "present": report.present._asdict() | {"estimated": True},
        "new": report.new._asdict() | {"estimated": True},
        "outages": [
            {
                "at": _instant(replayed.outage.began_wall),
                "target": replayed.outage.name,
                "cause": replayed.outage.cause,
                "first_restart_present_seconds": replayed.present_s,
                "first_restart_new_seconds": replayed.new_s,
            }
            for replayed in report.outages
        ],
        "not_replayed": [_describe(outage) for outage in report.left_out],
        "assumptions": list(ASSUMPTIONS),
    }
