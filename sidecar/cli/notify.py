"""Commands about people: acknowledge an incident, try a channel."""

from urllib.parse import quote

import click

from sidecar.cli.client import Api, ApiError
from sidecar.cli.options import examples, talks_to_sidecar

_NOT_DELIVERED = 502


@click.command(epilog=examples("sidecar ack 01JARZ3NDEKTSV4RRFFQ69G5FA"))
@click.argument("incident")
@talks_to_sidecar
def ack(api: Api, incident: str) -> int:
    """Take care of INCIDENT: nobody else is told, reminders stop for a while."""
    told = api.post(f"/api/v1/incidents/{quote(incident, safe='')}/ack")
    print(f"{incident}: acknowledged at {told['acked_at']}")
    return 0


@click.group()
def notify() -> None:
    """Channels on which people are told."""


@notify.command(epilog=examples("sidecar notify test ops"))
@click.argument("channel")
@talks_to_sidecar
def test(api: Api, channel: str) -> int:
    """Send a test message to CHANNEL; exit 1 where it does not arrive."""
    try:
        api.post(f"/api/v1/notify/{quote(channel, safe='')}/test")
    except ApiError as error:
        if error.status != _NOT_DELIVERED:
            raise
        print(f"not delivered: {error}")
        return 1
    print(f"{channel}: delivered")
    return 0
