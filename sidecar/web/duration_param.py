"""Durations in the parameters of a request."""

from sidecar.web.response import RequestRefused
from sidecar.web.services import ApiServices

MAX_DAYS = 366
DAY_S = 86_400.0


def parse_duration_param(services: ApiServices, name: str, text: str) -> float:
    """The duration, such as ``7d``, of the parameter ``name``. RequestRefused."""
    try:
        seconds = services.seconds(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_DAYS * DAY_S:
        raise RequestRefused(
            400,
            f"{name}={text[:20]}: give a duration such as 12h, 7d or 30d, "
            f"at most {MAX_DAYS}d",
        )
    return seconds
