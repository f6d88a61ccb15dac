"""Commands that show the present state: status, targets."""

import json
import time
from collections.abc import Sequence
from shutil import get_terminal_size

import click
import msgspec

from sidecar.api_types.status import (
    IncidentSummary,
    RestartCounts,
    StackStatus,
    TargetList,
    TargetStatus,
)
from sidecar.cli.client import Answer, Api, ApiError
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import (
    can_redraw,
    format_age,
    format_time,
    localize_times,
    on_terminal,
    rich_table,
    show_json,
    show_table,
)

WATCH_INTERVAL_S = 2.0
WIDE = 140
"""Columns of a terminal that leave room for the reasons in the table."""
_COLUMNS = ("target", "state", "for", "restarts", "lane", "planned", "why")
_STATUS = "/api/v1/status"


@click.command(
    epilog=examples(
        "sidecar status",
        "sidecar status --watch",
        "sidecar status --json | jq '.targets[].state'",
    )
)
@click.option("--watch", is_flag=True, help="Refresh until Ctrl-C.")
@as_json
@talks_to_sidecar
def status(api: Api, watch: bool, as_json: bool) -> int:
    """Show the state of every target, and the reason for it.

    --watch redraws the screen of a terminal. In a pipe it prints a line for each
    target, then a line for each change.
    """
    if not watch:
        _show(api.get(_STATUS, StackStatus), as_json)
    elif can_redraw() and not as_json:
        _redraw(api)
    else:
        _follow(api, as_json)
    return 0


@click.command(epilog=examples("sidecar targets"))
@as_json
@talks_to_sidecar
def targets(api: Api, as_json: bool) -> int:
    """List the targets that are watched, and the container of each."""
    statuses = api.get(_STATUS, TargetList).value.targets
    if as_json:
        show_json(msgspec.to_builtins(statuses))
    else:
        rows = [
            (t.name, t.state, t.container.name if t.container else "-")
            for t in statuses
        ]
        show_table(("target", "state", "container"), rows)
    return 0


def _show(answer: Answer[StackStatus], as_json: bool) -> None:
    if as_json:
        show_json(answer.document)
        return
    result = answer.value
    print(_headline(result))
    columns, rows, below = _lay_out(result)
    show_table(columns, rows)
    for line in (*below, *_open_incidents(result)):
        print(line)


def _open_incidents(result: StackStatus) -> list[str]:
    return [_describe_incident(i) for i in result.incidents if i.state == "open"]


def _headline(result: StackStatus) -> str:
    ready = "ready" if result.ready else "not ready: see /readyz"
    stack = result.stack or "-"
    return f"sidecar {result.version}, stack {stack}, mode {result.mode}, {ready}"


def _rows(result: StackStatus) -> list[Sequence[str]]:
    return [
        (
            target.name,
            target.state,
            format_age(target.since),
            _format_restarts(target.restarts),
            target.lane,
            _format_planned(target.next_planned_restart),
            _describe_reason(target),
        )
        for target in result.targets
    ]


def _format_restarts(counts: RestartCounts) -> str:
    return f"{counts.in_window}/{counts.budget}, {counts.total} in all"


def _format_planned(instant: str | None) -> str:
    return format_time(instant) if instant else "-"


def _lay_out(
    result: StackStatus,
) -> tuple[Sequence[str], list[Sequence[str]], list[str]]:
    """Columns, rows, and lines below the table.

    On a narrow terminal the reasons are such lines, and no column.
    """
    rows = _rows(result)
    if not on_terminal() or get_terminal_size().columns >= WIDE:
        return _COLUMNS, rows, []
    whys = [f"{row[0]}: {row[-1]}" for row in rows if row[-1]]
    return _COLUMNS[:-1], [row[:-1] for row in rows], whys


def _describe_reason(target: TargetStatus) -> str:
    decision = target.last_decision
    cause = f"{target.cause}: " if target.cause else ""
    parts = [f"{cause}{target.reason}" if target.reason or cause else ""]
    if target.paused:
        parts.append(f"paused until {target.paused_until or 'resumed'}")
    if target.maintenance_until:
        parts.append(f"maintenance window until {target.maintenance_until}")
    if target.held_by:
        parts.append(f"held by {target.held_by}")
    if decision is not None:
        parts.append(f"{decision.action}: {decision.reason}")
    if target.memory is not None and target.memory.silence is None:
        parts.append(target.memory.reason)
    parts.extend(target.warnings)
    return localize_times("; ".join(part for part in parts if part))


def _describe_incident(incident: IncidentSummary) -> str:
    affected = ", ".join(incident.affected)
    also = f", affects {affected}" if affected else ""
    return (
        f"incident {incident.id} {incident.severity} {incident.target}: "
        f"{incident.cause}, open for {format_age(incident.began_at)}{also}"
    )


def _redraw(api: Api) -> None:
    from rich.console import Group  # noqa: PLC0415 - slow, and only needed here
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    with Live(auto_refresh=False, screen=True) as live:
        while True:
            try:
                result = api.get(_STATUS, StackStatus).value
                columns, rows, below = _lay_out(result)
                lines = map(Text, (*below, *_open_incidents(result)))
                table = rich_table(columns, rows)
                live.update(Group(Text(_headline(result)), table, *lines), refresh=True)
            except ApiError as fault:
                live.update(Text(str(fault)), refresh=True)
            time.sleep(WATCH_INTERVAL_S)


def _follow(api: Api, as_json: bool) -> None:
    """Print a line for every change of state; the first round prints all targets."""
    last_states: dict[str, tuple[str, ...]] = {}
    last_error = ""
    while True:
        try:
            result = api.get(_STATUS, StackStatus).value
            last_error = ""
        except ApiError as fault:
            if str(fault) != last_error:
                click.echo(str(fault), err=True)
            last_error = str(fault)
            time.sleep(WATCH_INTERVAL_S)
            continue
        for target in result.targets:
            state = (target.state, target.cause or "", target.since)
            if last_states.get(target.name) != state:
                last_states[target.name] = state
                _print_change(result.at, target, as_json)
        time.sleep(WATCH_INTERVAL_S)


def _print_change(at: str, target: TargetStatus, as_json: bool) -> None:
    if as_json:
        change = {"at": at, **msgspec.to_builtins(target)}
        print(json.dumps(change, ensure_ascii=False), flush=True)
        return
    why = _describe_reason(target)
    line = f"{format_time(at)} {target.name} {target.state}"
    print(f"{line}: {why}" if why else line, flush=True)
