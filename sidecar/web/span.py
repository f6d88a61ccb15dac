"""Spans of time that a request asks for."""

from aiohttp import web

from sidecar.web.answer import Refusal
from sidecar.web.desk import Desk

MAX_DAYS = 366
DAY_S = 86_400.0


def asked_seconds(request: web.Request, desk: Desk, name: str, default: str) -> float:
    """The duration in a query parameter, such as ``7d``. Refusal."""
    said = request.query.get(name, default)
    try:
        seconds = desk.seconds(said)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_DAYS * DAY_S:
        raise Refusal(
            400,
            f"{name}={said[:20]}: give a duration such as 12h, 7d or 30d, "
            f"at most {MAX_DAYS}d",
        )
    return seconds
