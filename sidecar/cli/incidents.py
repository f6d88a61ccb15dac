"""Commands about incidents: the list, one incident in detail, its post-mortem."""

from urllib.parse import quote

import click

from sidecar.api_types.incidents import BalanceSummary, IncidentDetail, TimelineLine
from sidecar.api_types.records import Amounts, Evidence
from sidecar.api_types.status import IncidentList, IncidentSummary
from sidecar.cli.client import Api, ApiError
from sidecar.cli.completion import incident_argument
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import (
    format_age,
    format_duration,
    format_time,
    show_json,
    show_table,
)

BUNDLES = 2
PROCESSES = 5
LOG_LINES = 10


@click.command(epilog=examples("sidecar incidents", "sidecar incidents --open"))
@click.option("--open", "open_only", is_flag=True, help="Show only open incidents.")
@as_json
@talks_to_sidecar
def incidents(api: Api, open_only: bool, as_json: bool) -> int:
    """List the latest incidents, newest first."""
    answer = api.get(f"/api/v1/incidents?open={int(open_only)}", IncidentList)
    if as_json:
        show_json(answer.document)
    elif answer.value.incidents:
        columns = ("id", "severity", "target", "cause", "began", "state", "affected")
        show_table(columns, [_row(entry) for entry in answer.value.incidents])
    else:
        print("no incident is open" if open_only else "no incident is on record")
    return 0


def _row(entry: IncidentSummary) -> tuple[str, ...]:
    state = "acknowledged" if entry.acked_at else "open"
    return (
        entry.id,
        entry.severity,
        entry.target,
        entry.cause,
        f"{format_time(entry.began_at)} ({format_age(entry.began_at)} ago)",
        "resolved" if entry.resolved_at else state,
        ", ".join(entry.affected),
    )


@click.command(
    epilog=examples(
        "sidecar incident last", "sidecar incident 01HF7ZCSYP9MDJB7FH5HCVGTPV"
    )
)
@incident_argument
@as_json
@talks_to_sidecar
def incident(api: Api, incident_id: str, as_json: bool) -> int:
    """Show the impact and the timeline of incident ID; `last` is the newest.

    Over the control socket or with the API token also the end of the evidence, and
    amounts of balances.
    """
    answer = api.get(_path(api, incident_id), IncidentDetail)
    if as_json:
        show_json(answer.document)
        return 0
    detail = answer.value
    print(_headline(detail))
    _show_people(detail)
    for outage in detail.impact:
        until = "from" if outage.until else "and still is, from"
        print(
            f"{outage.target}: away for {format_duration(outage.down_seconds)}, "
            f"{until} {format_time(outage.from_)}"
        )
    for balance in detail.balances:
        print(_describe_balance(balance))
    for stat in detail.efficacy:
        print(
            f"on record: {stat.remedy} helped {stat.recovered} of "
            f"{stat.tries} times against {stat.cause} of {stat.target}"
        )
    rows = [
        (format_time(line.at), line.target, _describe_line(line))
        for line in detail.timeline
    ]
    show_table(("at", "target", "happened"), rows)
    if detail.timeline_left_out:
        print(f"{detail.timeline_left_out} lines of the middle are left out")
    for bundle in detail.evidence[-BUNDLES:]:
        _show_evidence(bundle)
    return 0


def _show_people(detail: IncidentDetail) -> None:
    """Show whether people wanted it, and who takes care of it."""
    if detail.drill:
        print(f"Sidecar made this fault on purpose, in the drill {detail.drill}")
    if detail.acked_at:
        print(f"acknowledged at {format_time(detail.acked_at)} ({detail.acked_by})")


def _headline(detail: IncidentDetail) -> str:
    state = "resolved after" if detail.resolved_at else "open for"
    return (
        f"incident {detail.id} {detail.severity} {detail.target}: "
        f"{detail.cause}, {state} {format_duration(detail.seconds)}"
    )


def _describe_balance(balance: BalanceSummary) -> str:
    """One line; the API sends the amounts to authorised requests only."""
    text = f"{balance.target}, {format_time(balance.at)}: {balance.reason}"
    amounts = (("before", balance.before), ("after", balance.after))
    return text + "".join(
        f"; {when}: {_format_amounts(parts)}" for when, parts in amounts if parts
    )


def _show_evidence(bundle: Evidence) -> None:
    """Print the end of one bundle; the post-mortem and --json have all of it."""
    print(f"\nevidence, {bundle.name or None}: {bundle.decision or None}")
    for process in (bundle.processes or ())[:PROCESSES]:
        print(f"  process: {' '.join(map(str, process))}")
    log = bundle.log
    for line in (log or "").splitlines()[-LOG_LINES:]:
        print(f"  log: {line}")
    if log == "":
        print("  log: (it logged nothing since it was started)")


def _format_amounts(parts: Amounts) -> str:
    return ", ".join(f"{part} {amount}" for part, amount in parts.items())


def _describe_line(line: TimelineLine) -> str:
    again = f" ({line.count} times)" if line.count > 1 else ""
    return f"{line.text}{again}"


@click.command(
    epilog=examples(
        "sidecar postmortem last > postmortem.md",
        "sidecar postmortem 01HF7ZCSYP9MDJB7FH5HCVGTPV > postmortem.md",
    )
)
@incident_argument
@as_json
@talks_to_sidecar
def postmortem(api: Api, incident_id: str, as_json: bool) -> int:
    """Print a post-mortem of incident ID in Markdown, with blanks to fill in.

    `last` is the newest incident. Over the control socket or with the API token the
    post-mortem includes the evidence.
    """
    text = api.text(f"{_path(api, incident_id)}/postmortem")
    if as_json:
        show_json({"markdown": text})
    else:
        print(text, end="")
    return 0


def _path(api: Api, incident_id: str) -> str:
    known_id = _last_id(api) if incident_id == "last" else incident_id
    return f"/api/v1/incidents/{quote(known_id, safe='')}"


def _last_id(api: Api) -> str:
    latest = api.get("/api/v1/incidents", IncidentList).value.incidents
    if not latest:
        raise ApiError("no incident is on record")
    return latest[0].id
