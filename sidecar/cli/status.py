"""Commands that look: status, targets."""

import json
import time
from collections.abc import Sequence
from shutil import get_terminal_size

import click

from sidecar.cli.client import Api, ApiError, Json
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import (
    ago,
    in_zone,
    on_terminal,
    rich_table,
    second,
    show_json,
    show_table,
)

WATCH_INTERVAL_S = 2.0
WIDE = 140
"""A terminal with this many columns has room for reasons beside the rest."""
_COLUMNS = ("target", "state", "for", "restarts", "lane", "planned", "why")
_STATUS = "/api/v1/status"


@click.command(
    epilog=examples(
        "sidecar status",
        "sidecar status --watch",
        "sidecar status --json | jq '.targets[].state'",
    )
)
@click.option("--watch", is_flag=True, help="Go on, until Ctrl-C.")
@as_json
@talks_to_sidecar
def status(api: Api, watch: bool, as_json: bool) -> int:
    """What every target is doing, and why.

    In a pipe, --watch prints a line for every change.
    """
    if not watch:
        _show(api.get(_STATUS), as_json)
    elif on_terminal() and not as_json:
        _redraw(api)
    else:
        _follow(api, as_json)
    return 0


@click.command(epilog=examples("sidecar targets"))
@as_json
@talks_to_sidecar
def targets(api: Api, as_json: bool) -> int:
    """The targets that are watched, and the containers that they are."""
    seen = api.get(_STATUS)["targets"]
    if as_json:
        show_json([{k: t[k] for k in ("name", "state", "container")} for t in seen])
    else:
        rows = [
            (t["name"], t["state"], (t["container"] or {}).get("name", "-"))
            for t in seen
        ]
        show_table(("target", "state", "container"), rows)
    return 0


def _show(told: Json, as_json: bool) -> None:
    if as_json:
        show_json(told)
        return
    print(_headline(told))
    columns, rows, below = _lay_out(told)
    show_table(columns, rows)
    for line in below:
        print(line)
    for incident in told["incidents"]:
        if incident["state"] == "open":
            print(_incident(incident))


def _headline(told: Json) -> str:
    ready = "ready" if told["ready"] else "not ready: see /readyz"
    stack = told["stack"] or "-"
    return f"sidecar {told['version']}, stack {stack}, mode {told['mode']}, {ready}"


def _rows(told: Json) -> list[Sequence[str]]:
    return [
        (
            target["name"],
            target["state"],
            ago(target["since"]),
            "{in_window}/{budget}, {total} in all".format(**target["restarts"]),
            target["lane"],
            _planned(target["next_planned_restart"]),
            _why(target),
        )
        for target in told["targets"]
    ]


def _planned(instant: str | None) -> str:
    return second(instant) if instant else "-"


def _lay_out(
    told: Json,
) -> tuple[Sequence[str], list[Sequence[str]], list[str]]:
    """Columns, rows, and lines below them: reasons, where a column for them would
    be a word wide.
    """
    rows = _rows(told)
    if not on_terminal() or get_terminal_size().columns >= WIDE:
        return _COLUMNS, rows, []
    whys = [f"{row[0]}: {row[-1]}" for row in rows if row[-1]]
    return _COLUMNS[:-1], [row[:-1] for row in rows], whys


def _why(target: Json) -> str:
    decision = target["last_decision"] or {}
    cause = f"{target['cause']}: " if target["cause"] else ""
    said = [f"{cause}{target['reason']}" if target["reason"] or cause else ""]
    if target["paused"]:
        said.append(f"paused until {target['paused_until'] or 'resumed'}")
    if target["held_by"]:
        said.append(f"held by {target['held_by']}")
    if decision:
        said.append(f"{decision['action']}: {decision['reason']}")
    said.extend(target["warnings"])
    return in_zone("; ".join(part for part in said if part))


def _incident(incident: Json) -> str:
    affected = ", ".join(incident["affected"])
    also = f", affects {affected}" if affected else ""
    return (
        f"incident {incident['id']} {incident['severity']} {incident['target']}: "
        f"{incident['cause']}, open for {ago(incident['began_at'])}{also}"
    )


def _redraw(api: Api) -> None:
    from rich.console import Group  # noqa: PLC0415 - slow, and only needed here
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    with Live(auto_refresh=False, screen=True) as live:
        while True:
            try:
                told = api.get(_STATUS)
                incidents = [
                    _incident(i) for i in told["incidents"] if i["state"] == "open"
                ]
                columns, rows, below = _lay_out(told)
                lines = map(Text, (*below, *incidents))
                table = rich_table(columns, rows)
                live.update(Group(Text(_headline(told)), table, *lines), refresh=True)
            except ApiError as fault:
                live.update(Text(str(fault)), refresh=True)
            time.sleep(WATCH_INTERVAL_S)


def _follow(api: Api, as_json: bool) -> None:
    """A line for every change; the first round prints everyone."""
    known: dict[str, tuple[str, ...]] = {}
    lost = ""
    while True:
        try:
            told = api.get(_STATUS)
            lost = ""
        except ApiError as fault:
            if str(fault) != lost:
                click.echo(str(fault), err=True)
            lost = str(fault)
            time.sleep(WATCH_INTERVAL_S)
            continue
        for target in told["targets"]:
            shown = (target["state"], target["cause"] or "", str(target["since"]))
            if known.get(target["name"]) != shown:
                known[target["name"]] = shown
                _print_change(told["at"], target, as_json)
        time.sleep(WATCH_INTERVAL_S)


def _print_change(at: str, target: Json, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"at": at, **target}, ensure_ascii=False), flush=True)
        return
    why = _why(target)
    told = f"{second(at)} {target['name']} {target['state']}"
    print(f"{told}: {why}" if why else told, flush=True)
