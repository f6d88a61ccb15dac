"""Commands about incidents: the list, one with its course, its post-mortem."""

from urllib.parse import quote

import click

from sidecar.cli.client import Api, Json
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import ago, lasted, second, show_json, show_table

BUNDLES = 2
PROCESSES = 5
LOG_LINES = 10


@click.command(epilog=examples("sidecar incidents", "sidecar incidents --open"))
@click.option("--open", "open_only", is_flag=True, help="Only those that go on.")
@as_json
@talks_to_sidecar
def incidents(api: Api, open_only: bool, as_json: bool) -> int:
    """The last incidents, newest first."""
    told = api.get(f"/api/v1/incidents?open={int(open_only)}")
    if as_json:
        show_json(told)
    elif told["incidents"]:
        columns = ("id", "severity", "target", "cause", "began", "state", "affected")
        show_table(columns, [_row(one) for one in told["incidents"]])
    else:
        print("no incident is open" if open_only else "no incident is on record")
    return 0


def _row(one: Json) -> tuple[str, ...]:
    state = "acknowledged" if one["acked_at"] else "open"
    return (
        one["id"],
        one["severity"],
        one["target"],
        one["cause"],
        f"{second(one['began_at'])} ({ago(one['began_at'])} ago)",
        "resolved" if one["resolved_at"] else state,
        ", ".join(one["affected"]),
    )


@click.command(epilog=examples("sidecar incident 01HF7ZCSYP9MDJB7FH5HCVGTPV"))
@click.argument("which", metavar="ID")
@as_json
@talks_to_sidecar
def incident(api: Api, which: str, as_json: bool) -> int:
    """The course of incident ID, and what it came to.

    With the API token also the end of what was gathered, and amounts.
    """
    told = api.get(_path(which))
    if as_json:
        show_json(told)
        return 0
    print(_headline(told))
    if told["acked_at"]:
        print(f"acknowledged at {second(told['acked_at'])} ({told['acked_by']})")
    for one in told["impact"]:
        until = "from" if one["until"] else "and still is, from"
        print(
            f"{one['target']}: away for {lasted(one['down_seconds'])}, {until} "
            f"{second(one['from'])}"
        )
    for one in told["balances"]:
        print(_balance(one))
    for one in told["efficacy"]:
        print(
            f"on record: {one['remedy']} helped {one['recovered']} of {one['tries']} "
            f"times against {one['cause']} of {one['target']}"
        )
    rows = [
        (second(line["at"]), line["target"], _text(line)) for line in told["timeline"]
    ]
    show_table(("at", "target", "happened"), rows)
    if told["timeline_left_out"]:
        print(f"{told['timeline_left_out']} lines of the middle are left out")
    for bundle in told["evidence"][-BUNDLES:]:
        _show_evidence(bundle)
    return 0


def _headline(told: Json) -> str:
    state = "resolved after" if told["resolved_at"] else "open for"
    return (
        f"incident {told['id']} {told['severity']} {told['target']}: {told['cause']}, "
        f"{state} {lasted(told['seconds'])}"
    )


def _balance(one: Json) -> str:
    """The amounts are there for whoever has the token."""
    said = f"{one['target']}, {second(one['at'])}: {one['reason']}"
    known = [(when, one[when]) for when in ("before", "after") if one[when]]
    return said + "".join(f"; {when}: {_amounts(parts)}" for when, parts in known)


def _show_evidence(bundle: Json) -> None:
    """The last of it; all of it is in the post-mortem and with --json."""
    print(f"\nevidence, {bundle.get('name')}: {bundle.get('decision')}")
    for process in bundle.get("processes", [])[:PROCESSES]:
        print(f"  process: {' '.join(map(str, process))}")
    log = bundle.get("log")
    for line in (log or "").splitlines()[-LOG_LINES:]:
        print(f"  log: {line}")
    if log == "":
        print("  log: (it logged nothing since it was started)")


def _amounts(parts: Json) -> str:
    return ", ".join(f"{part} {amount}" for part, amount in parts.items())


def _text(line: Json) -> str:
    again = f" ({line['count']} times)" if line["count"] > 1 else ""
    return f"{line['text']}{again}"


@click.command(
    epilog=examples("sidecar postmortem 01HF7ZCSYP9MDJB7FH5HCVGTPV > postmortem.md")
)
@click.argument("which", metavar="ID")
@talks_to_sidecar
def postmortem(api: Api, which: str) -> int:
    """A post-mortem of incident ID in Markdown, with blanks for people.

    With the API token the evidence is in it, too.
    """
    print(api.text(f"{_path(which)}/postmortem"), end="")
    return 0


def _path(which: str) -> str:
    return f"/api/v1/incidents/{quote(which, safe='')}"
