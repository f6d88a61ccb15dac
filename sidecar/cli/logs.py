"""The command ``logs``: the log of a target's container."""

import json
from urllib.parse import quote, urlencode

import click
import msgspec

from sidecar.api_types.logs import LogRecord
from sidecar.cli.client import Api, ApiError, Json
from sidecar.cli.completion import target_argument
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import format_time

MAX_LINES = 2000


@click.command(
    epilog=examples(
        "sidecar logs electron-cash",
        "sidecar logs electron-cash --since 10m --lines 2000",
        "sidecar logs electron-cash -f",
    )
)
@target_argument
@click.option("-f", "--follow", is_flag=True, help="Print new lines until Ctrl-C.")
@click.option(
    "--since",
    metavar="DURATION",
    help="Only lines that are not older, such as 10m or 2h. Default: of any age.",
)
@click.option(
    "--lines",
    type=click.IntRange(1, MAX_LINES),
    default=100,
    show_default=True,
    help="At most so many of the last lines, and at most 64 kB.",
)
@as_json
@talks_to_sidecar
def logs(
    api: Api, target: str, follow: bool, since: str | None, lines: int, as_json: bool
) -> int:
    """Print the last lines of the log of TARGET's container.

    Secrets are masked. It needs the control socket or the API token. -f continues
    after a restart, and with a container that replaces this one. --json prints one
    document a line.
    """
    parameters = {"lines": lines, "follow": int(follow)}
    query = urlencode({**parameters, **({"since": since} if since else {})})
    for document in api.stream(f"/api/v1/logs/{quote(target, safe='')}?{query}"):
        _show_record(document, as_json)
    if follow:
        raise ApiError(f"{api.address} ended the connection: was the sidecar stopped?")
    return 0


def _show_record(document: Json, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, ensure_ascii=False), flush=True)
        return
    record = msgspec.convert(document, LogRecord)
    if record.note:
        click.echo(f"({record.note})", err=True)
    else:
        at = format_time(record.at) if record.at else "-"
        print(f"{at} {record.text or ''}", flush=True)
