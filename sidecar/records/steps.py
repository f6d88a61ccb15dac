"""What a report counts, read from the journal's index alone."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from sidecar.core.record import Step
from sidecar.records.brief import read_brief

PIECE_STEPS = 25_000
"""Some 2 MB, and forty milliseconds' work for those who count."""

_NAMES = """
WITH RECURSIVE names (name) AS (
    SELECT min(target) FROM journal UNION ALL
    SELECT (SELECT min(target) FROM journal WHERE target > name) FROM names
    WHERE name IS NOT NULL)
SELECT name FROM names WHERE name IS NOT NULL
"""
_OF_TARGET = """
FROM journal
WHERE target = ? AND (at_wall, id) > (?, ?) AND at_wall < ? AND brief IS NOT NULL
ORDER BY at_wall, id
"""
_STEPS = f"SELECT at_wall, brief {_OF_TARGET} LIMIT ?"
_LAST = f"SELECT at_wall, id {_OF_TARGET} LIMIT 1 OFFSET ? - 1"


class Place(NamedTuple):
    """Where the reading goes on: at the ``nth`` target, after that line."""

    nth: int
    at_wall: float
    id: int


class Span(NamedTuple):
    """What of the time is asked for, and from where on."""

    place: Place
    since_wall: float
    until_wall: float


class Piece(NamedTuple):
    """Some targets' steps; ``rest`` None: there are no more."""

    steps: Sequence[tuple[str, Sequence[Step]]]
    rest: Place | None


def target_names(connection: sqlite3.Connection) -> tuple[str, ...]:
    """All that the journal tells of."""
    return tuple(name for (name,) in connection.execute(_NAMES))


def piece(connection: sqlite3.Connection, names: Sequence[str], span: Span) -> Piece:
    """At most PIECE_STEPS."""
    found: list[tuple[str, Sequence[Step]]] = []
    left = PIECE_STEPS
    (nth, *after), since_wall, until_wall = span
    while nth < len(names):
        asked = (names[nth], *after, until_wall, left)
        rows = connection.execute(_STEPS, asked)
        steps = [(at, read_brief(brief)) for at, brief in rows]
        if steps:
            found.append((names[nth], steps))
        left -= len(steps)
        if not left:
            return Piece(
                found, Place(nth, *connection.execute(_LAST, asked).fetchone())
            )
        nth, after = nth + 1, [since_wall, 0]
    return Piece(found, None)
