"""Commands about notifications: acknowledge an incident, test a channel."""

from urllib.parse import quote

import click

from sidecar.cli.client import Api, ApiError
from sidecar.cli.completion import open_incident_argument
from sidecar.cli.options import as_json, examples, talks_to_sidecar
from sidecar.cli.output import format_time, show_done

_NOT_DELIVERED = 502


@click.command(epilog=examples("sidecar ack 01JARZ3NDEKTSV4RRFFQ69G5FA"))
@open_incident_argument
@as_json
@talks_to_sidecar
def ack(api: Api, incident: str, as_json: bool) -> int:
    """Acknowledge INCIDENT: escalation ends, reminders pause for a while."""
    answer = api.post(f"/api/v1/incidents/{quote(incident, safe='')}/ack")
    text = f"{incident}: acknowledged at {format_time(answer['acked_at'])}"
    return show_done(answer, text, as_json)


@click.group(epilog=examples("sidecar notify test ops"))
def notify() -> None:
    """Test the notification channels."""


@notify.command(epilog=examples("sidecar notify test ops"))
@click.argument("channel")
@as_json
@talks_to_sidecar
def test(api: Api, channel: str, as_json: bool) -> int:
    """Send a test message to CHANNEL; exit status 1 if it is not delivered."""
    try:
        answer = api.post(f"/api/v1/notify/{quote(channel, safe='')}/test")
    except ApiError as error:
        if error.status != _NOT_DELIVERED:
            raise
        answer = {"channel": channel, "delivered": False, "error": str(error)}
        show_done(answer, f"not delivered: {error}", as_json)
        return 1
    return show_done(answer, f"{channel}: delivered", as_json)
