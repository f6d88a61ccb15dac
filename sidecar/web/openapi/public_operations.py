"""The requests that everybody may make: feed, badges, Statuspage, acknowledgement."""

from sidecar.api_types import statuspage as v2
from sidecar.web.openapi import parameters
from sidecar.web.openapi.operation import Operation, Text, publish, refuse

_HTML = Text(("text/html",), "A page")
_SVG = Text(("image/svg+xml",), "A picture")
_ATOM = Text(("application/atom+xml",), "Atom")

PUBLIC_OPERATIONS = (
    publish("/feed.atom", "Incidents and planned restarts as a feed", _ATOM),
    publish(
        "/badge/{target}/state.svg", "The state of a target", _SVG, parameters.TARGET
    ),
    publish(
        "/badge/{target}/availability/{window}.svg",
        "The availability of a target",
        _SVG,
        parameters.TARGET,
        parameters.WINDOW,
    ),
    publish(
        "/api/v2/summary.json",
        "The status in the shape of Statuspage",
        v2.StatuspageSummary,
    ),
    publish(
        "/api/v2/status.json",
        "The overall status in the shape of Statuspage",
        v2.StatuspageStatus,
    ),
    Operation(
        "get",
        "/ack/{incident}",
        "public",
        "The page behind a message's link",
        {200: _HTML, 404: _HTML, **refuse(503)},
        (parameters.ACKED_INCIDENT, parameters.SIGNATURE),
    ),
    Operation(
        "post",
        "/ack/{incident}",
        "public",
        "Acknowledge the incident of a message's link",
        {200: _HTML, 404: _HTML, **refuse(503)},
        (parameters.ACKED_INCIDENT, parameters.SIGNATURE),
    ),
)
