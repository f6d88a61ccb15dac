"""Acknowledge an incident: by a signed link for people, by the API for programs."""

import html
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from sidecar.api_types.control import DeliveryAnswer
from sidecar.core.model.incident import Incident
from sidecar.core.text.known_names import list_known
from sidecar.web.auth import Handler, require_authorisation
from sidecar.web.controls import Controls
from sidecar.web.response import RequestRefused, json_response
from sidecar.web.services import ApiServices

_PAGE = """\
<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 3rem auto;
  padding: 0 1rem; color: #1a1a1a; background: #fff }}
button {{ font: inherit; padding: .8rem 1.4rem; border: 0; border-radius: .4rem;
  color: #fff; background: #0b5fa5 }}
</style>
<h1>{title}</h1>
<p>{text}</p>
{form}
</html>
"""
_HEADERS = {
    # A push service's page in a browser shows whether its button worked. It sends no
    # credentials: the token of the link is all that counts.
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
}


@dataclass(slots=True)
class NotificationServices:
    """Services of these pages beside ApiServices; the language may change.

    ``channel_of`` takes an incident and a link's token, and returns the channel that
    the link was sent to; None: it is not valid. ``words`` gives a page's text by key.
    ``test`` sends a test message to a channel and returns its error, or nothing;
    LookupError where there is no such channel.
    """

    channel_of: Callable[[str, str], str | None]
    words: Callable[..., str]
    language: str
    test: Callable[[str], Awaitable[str]]


class NotificationRoutes:
    """/ack/..., and the API's endpoints for acks and for tests of channels."""

    def __init__(self, services: ApiServices, notify: NotificationServices) -> None:
        self._services = services
        self._notify = notify
        self._controls = Controls(services)

    def routes(self) -> list[web.RouteDef]:
        """The routes of these endpoints."""
        return [
            web.get("/ack/{incident}", self._ask),
            web.post("/ack/{incident}", self._confirm),
            web.post(
                "/api/v1/incidents/{incident}/ack", self._when_authorised(self._ack)
            ),
            web.post(
                "/api/v1/notify/{channel}/test", self._when_authorised(self._test)
            ),
        ]

    def _when_authorised(self, handler: Handler) -> Handler:
        return require_authorisation(self._services.token, handler)

    # --- for people: previews open a link too, so only a POST counts

    async def _ask(self, request: web.Request) -> web.Response:
        incident, _ = self._find_by_link(request)
        if incident is None:
            return self._page("", "ack.invalid", status=404)
        needless = _why_needless(incident)
        if needless:
            return self._page(incident.id, needless, incident)
        return self._page(incident.id, "ack.ask", incident, button=True)

    async def _confirm(self, request: web.Request) -> web.Response:
        incident, channel = self._find_by_link(request)
        if incident is None:
            return self._page("", "ack.invalid", status=404)
        needless = _why_needless(incident)
        if needless:
            return self._page(incident.id, needless, incident)
        by = f"link sent to {channel}"
        await self._controls.acknowledge_incident(incident, by)
        return self._page(incident.id, "ack.done", incident)

    def _find_by_link(self, request: web.Request) -> tuple[Incident | None, str]:
        incident_id = request.match_info["incident"]
        channel = self._notify.channel_of(incident_id, request.query.get("t", ""))
        if channel is None:
            return None, ""
        return self._services.state().incidents.get(incident_id), channel

    def _page(
        self,
        number: str,
        key: str,
        incident: Incident | None = None,
        *,
        button: bool = False,
        status: int = 200,
    ) -> web.Response:
        words = self._notify.words
        target = incident.target if incident else ""
        severity = incident.severity.value if incident else ""
        label = html.escape(words("ack.button"))
        # Without an action it posts to its own address, with the token.
        form = f'<form method="post"><button>{label}</button></form>' if button else ""
        page = _PAGE.format(
            language=self._notify.language,
            title=html.escape(words("ack.title", incident=number).strip()),
            text=html.escape(words(key, target=target, severity=severity)),
            form=form,
        )
        return web.Response(
            text=page, status=status, content_type="text/html", headers=_HEADERS
        )

    # --- for programs

    async def _ack(self, request: web.Request) -> web.Response:
        incident_id = request.match_info["incident"]
        return json_response(await self._controls.acknowledge(incident_id, "api"))

    async def _test(self, request: web.Request) -> web.Response:
        channel = request.match_info["channel"]
        try:
            error = await self._notify.test(channel)
        except LookupError as fault:
            channels = self._services.state().notify.channels
            hint = list_known(channel, (c.name for c in channels))
            raise RequestRefused(
                404, f"there is no channel {channel}; {hint}"
            ) from fault
        if error:
            raise RequestRefused(502, f"{channel}: {error}")
        return json_response(DeliveryAnswer(channel=channel, delivered=True))


def _why_needless(incident: Incident) -> str | None:
    """Text key for a late acknowledgement: two people must not take one incident."""
    if not incident.open:
        return "ack.resolved"
    return "ack.taken" if incident.acked_at is not None else None
