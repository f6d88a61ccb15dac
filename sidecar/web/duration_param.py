"""Spans of time that a request asks for."""

from sidecar.web.response import RequestRefused
from sidecar.web.services import ApiServices

MAX_DAYS = 366
DAY_S = 86_400.0


def parse_duration_param(desk: ApiServices, name: str, said: str) -> float:
    """The duration, such as ``7d``, that a request gives as ``name``. Refusal."""
    try:
        seconds = desk.seconds(said)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_DAYS * DAY_S:
        raise RequestRefused(
            400,
            f"{name}={said[:20]}: give a duration such as 12h, 7d or 30d, "
            f"at most {MAX_DAYS}d",
        )
    return seconds
