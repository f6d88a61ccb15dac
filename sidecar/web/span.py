"""Spans of time that a request asks for, and reading the journal over them."""

from collections.abc import AsyncIterator

from aiohttp import web

from sidecar.core.ports import Journal
from sidecar.core.record import Entry, EntryKind
from sidecar.web.answer import Refusal
from sidecar.web.desk import Desk

MAX_DAYS = 366
DAY_S = 86_400.0
SLICES = 100


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


async def slices(
    journal: Journal,
    from_wall: float,
    until_wall: float,
    kinds: frozenset[EntryKind],
) -> AsyncIterator[tuple[Entry, ...]]:
    """A long span piece by piece: all of it at once might not fit into memory."""
    length = max(DAY_S, (until_wall - from_wall) / SLICES)
    since = from_wall
    while since < until_wall:
        until = min(since + length, until_wall)
        yield await journal.entries(since, until, kinds=kinds)
        since = until
