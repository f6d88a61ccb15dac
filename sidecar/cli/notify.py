"""Commands about people: acknowledge an incident, try a channel."""

from urllib.parse import quote

import click

from sidecar.cli.client import Api, ApiError
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import second, show_done

_NOT_DELIVERED = 502


@click.command(epilog=examples("sidecar ack 01JARZ3NDEKTSV4RRFFQ69G5FA"))
@click.argument("incident")
@as_json
@talks_to_sidecar
def ack(api: Api, incident: str, as_json: bool) -> int:
    """Take care of INCIDENT: nobody else is told, reminders stop for a while."""
    told = api.post(f"/api/v1/incidents/{quote(incident, safe='')}/ack")
    said = f"{incident}: acknowledged at {second(told['acked_at'])}"
    return show_done(told, said, as_json)


@click.group()
def notify() -> None:
    """Channels on which people are told."""


@notify.command(epilog=examples("sidecar notify test ops"))
@click.argument("channel")
@as_json
@talks_to_sidecar
def test(api: Api, channel: str, as_json: bool) -> int:
    """Send a test message to CHANNEL; exit 1 where it does not arrive."""
    try:
        told = api.post(f"/api/v1/notify/{quote(channel, safe='')}/test")
    except ApiError as error:
        if error.status != _NOT_DELIVERED:
            raise
        told = {"channel": channel, "delivered": False, "error": str(error)}
        show_done(told, f"not delivered: {error}", as_json)
        return 1
    return show_done(told, f"{channel}: delivered", as_json)
