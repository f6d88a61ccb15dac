"""Commands about notifications: acknowledge an incident, test a channel."""

from urllib.parse import quote

import click

from sidecar.api_types.control import AckAnswer, DeliveryAnswer
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
    path = f"/api/v1/incidents/{quote(incident, safe='')}/ack"
    answer = api.post(path, AckAnswer)
    acked_at = answer.value.acked_at
    when = f" at {format_time(acked_at)}" if acked_at else ""
    text = f"{incident}: acknowledged{when}"
    return show_done(answer.document, text, as_json)


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
        path = f"/api/v1/notify/{quote(channel, safe='')}/test"
        answer = api.post(path, DeliveryAnswer)
    except ApiError as error:
        if error.status != _NOT_DELIVERED:
            raise
        failure = {"channel": channel, "delivered": False, "error": str(error)}
        show_done(failure, f"not delivered: {error}", as_json)
        return 1
    return show_done(answer.document, f"{channel}: delivered", as_json)
