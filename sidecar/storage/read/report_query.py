"""What a report counts, read from the journal's index alone."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from sidecar.core.model.journal_entry import TargetSteps
from sidecar.storage.codec import decode
from sidecar.storage.step_code import read_step_code

PIECE_STEPS = 12_500
"""Some 1 MB, and ten milliseconds' work for those who count."""

_NAMES = """
WITH RECURSIVE names (name) AS (
    SELECT min(target) FROM journal UNION ALL
    SELECT (SELECT min(target) FROM journal WHERE target > name) FROM names
    WHERE name IS NOT NULL)
SELECT name FROM names WHERE name IS NOT NULL
"""
_STEPS = """
SELECT count(*), group_concat(at_wall), group_concat(brief, char(10)) FROM (
    SELECT at_wall, brief FROM journal
    WHERE target = ? AND (at_wall, id) > (?, ?) AND at_wall < ? AND brief IS NOT NULL
    ORDER BY at_wall, id LIMIT ?)
"""
"""In one row: between two rows the thread would have to wait for the loop's."""
_LAST = """
SELECT at_wall, id FROM journal
WHERE target = ? AND (at_wall, id) > (?, ?) AND at_wall < ? AND brief IS NOT NULL
ORDER BY at_wall, id LIMIT 1 OFFSET ? - 1
"""


class ReadCursor(NamedTuple):
    """Where the reading goes on: at the ``nth`` target, after that line."""

    nth: int
    at_wall: float
    id: int


class ReadRange(NamedTuple):
    """What of the time is asked for, and from where on."""

    place: ReadCursor
    since_wall: float
    until_wall: float


class StepPiece(NamedTuple):
    """Some targets' steps; ``rest`` None: there are no more."""

    steps: Sequence[tuple[str, TargetSteps]]
    rest: ReadCursor | None


def target_names(connection: sqlite3.Connection) -> tuple[str, ...]:
    """All that the journal tells of."""
    return tuple(name for (name,) in connection.execute(_NAMES))


def read_piece(
    connection: sqlite3.Connection, names: Sequence[str], span: ReadRange
) -> StepPiece:
    """At most PIECE_STEPS."""
    found: list[tuple[str, TargetSteps]] = []
    left = PIECE_STEPS
    (nth, *after), since_wall, until_wall = span
    while nth < len(names):
        asked = (names[nth], *after, until_wall, left)
        count, *told = connection.execute(_STEPS, asked).fetchone()
        if count:
            found.append((names[nth], _read_steps(*told)))
        left -= count
        if not left:
            last = connection.execute(_LAST, asked).fetchone()
            return StepPiece(found, ReadCursor(nth, *last))
        nth, after = nth + 1, [since_wall, 0]
    return StepPiece(found, None)


def _read_steps(ats: str, briefs: str) -> TargetSteps:
    """SQLite writes times to a hundredth of a millisecond."""
    times = decode(f"[{ats}]", list[float])
    return TargetSteps(times, list(map(read_step_code, briefs.split("\n"))))
