"""Commands that show the present state: status, targets."""

import json
import time
from collections.abc import Sequence
from shutil import get_terminal_size

import click

from sidecar.cli.client import Api, ApiError, Json
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
        _show(api.get(_STATUS), as_json)
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
    statuses = api.get(_STATUS)["targets"]
    if as_json:
        show_json([{k: t[k] for k in ("name", "state", "container")} for t in statuses])
    else:
        rows = [
            (t["name"], t["state"], (t["container"] or {}).get("name", "-"))
            for t in statuses
        ]
        show_table(("target", "state", "container"), rows)
    return 0


def _show(answer: Json, as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    print(_headline(answer))
    columns, rows, below = _lay_out(answer)
    show_table(columns, rows)
    for line in below:
        print(line)
    for incident in answer["incidents"]:
        if incident["state"] == "open":
            print(_describe_incident(incident))


def _headline(answer: Json) -> str:
    ready = "ready" if answer["ready"] else "not ready: see /readyz"
    stack = answer["stack"] or "-"
    return f"sidecar {answer['version']}, stack {stack}, mode {answer['mode']}, {ready}"


def _rows(answer: Json) -> list[Sequence[str]]:
    return [
        (
            target["name"],
            target["state"],
            format_age(target["since"]),
            "{in_window}/{budget}, {total} in all".format(**target["restarts"]),
            target["lane"],
            _format_planned(target["next_planned_restart"]),
            _describe_reason(target),
        )
        for target in answer["targets"]
    ]


def _format_planned(instant: str | None) -> str:
    return format_time(instant) if instant else "-"


def _lay_out(
    answer: Json,
) -> tuple[Sequence[str], list[Sequence[str]], list[str]]:
    """Columns, rows, and lines below the table.

    On a narrow terminal the reasons are such lines, and no column.
    """
    rows = _rows(answer)
    if not on_terminal() or get_terminal_size().columns >= WIDE:
        return _COLUMNS, rows, []
    whys = [f"{row[0]}: {row[-1]}" for row in rows if row[-1]]
    return _COLUMNS[:-1], [row[:-1] for row in rows], whys


def _describe_reason(target: Json) -> str:
    decision = target["last_decision"] or {}
    cause = f"{target['cause']}: " if target["cause"] else ""
    parts = [f"{cause}{target['reason']}" if target["reason"] or cause else ""]
    if target["paused"]:
        parts.append(f"paused until {target['paused_until'] or 'resumed'}")
    if target["held_by"]:
        parts.append(f"held by {target['held_by']}")
    if decision:
        parts.append(f"{decision['action']}: {decision['reason']}")
    parts.extend(target["warnings"])
    return localize_times("; ".join(part for part in parts if part))


def _describe_incident(incident: Json) -> str:
    affected = ", ".join(incident["affected"])
    also = f", affects {affected}" if affected else ""
    return (
        f"incident {incident['id']} {incident['severity']} {incident['target']}: "
        f"{incident['cause']}, open for {format_age(incident['began_at'])}{also}"
    )


def _redraw(api: Api) -> None:
    from rich.console import Group  # noqa: PLC0415 - slow, and only needed here
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    with Live(auto_refresh=False, screen=True) as live:
        while True:
            try:
                answer = api.get(_STATUS)
                incidents = [
                    _describe_incident(i)
                    for i in answer["incidents"]
                    if i["state"] == "open"
                ]
                columns, rows, below = _lay_out(answer)
                lines = map(Text, (*below, *incidents))
                table = rich_table(columns, rows)
                live.update(Group(Text(_headline(answer)), table, *lines), refresh=True)
            except ApiError as fault:
                live.update(Text(str(fault)), refresh=True)
            time.sleep(WATCH_INTERVAL_S)


def _follow(api: Api, as_json: bool) -> None:
    """Print a line for every change of state; the first round prints all targets."""
    last_states: dict[str, tuple[str, ...]] = {}
    last_error = ""
    while True:
        try:
            answer = api.get(_STATUS)
            last_error = ""
        except ApiError as fault:
            if str(fault) != last_error:
                click.echo(str(fault), err=True)
            last_error = str(fault)
            time.sleep(WATCH_INTERVAL_S)
            continue
        for target in answer["targets"]:
            state = (target["state"], target["cause"] or "", str(target["since"]))
            if last_states.get(target["name"]) != state:
                last_states[target["name"]] = state
                _print_change(answer["at"], target, as_json)
        time.sleep(WATCH_INTERVAL_S)


def _print_change(at: str, target: Json, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"at": at, **target}, ensure_ascii=False), flush=True)
        return
    why = _describe_reason(target)
    line = f"{format_time(at)} {target['name']} {target['state']}"
    print(f"{line}: {why}" if why else line, flush=True)
