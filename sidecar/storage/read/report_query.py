"""Steps that a report counts, read from the journal's index alone."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from sidecar.core.model.journal_entry import TargetSteps
from sidecar.storage.codec import decode
from sidecar.storage.step_code import read_step_code

PIECE_STEPS = 12_500
"""Some 1 MB, and ten milliseconds of work for the report."""

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
"""One row for all: between two rows this thread would wait for the loop's thread."""
_LAST = """
SELECT at_wall, id FROM journal
WHERE target = ? AND (at_wall, id) > (?, ?) AND at_wall < ? AND brief IS NOT NULL
ORDER BY at_wall, id LIMIT 1 OFFSET ? - 1
"""


class ReadCursor(NamedTuple):
    """Position to continue from: the ``nth`` target, after that journal entry."""

    nth: int
    at_wall: float
    id: int


class ReadRange(NamedTuple):
    """Asked time span, and the position to read from."""

    place: ReadCursor
    since_wall: float
    until_wall: float


class StepPiece(NamedTuple):
    """Steps of some targets; ``rest``: the next position, None at the end."""

    steps: Sequence[tuple[str, TargetSteps]]
    rest: ReadCursor | None


def target_names(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Names of all targets in the journal."""
    return tuple(name for (name,) in connection.execute(_NAMES))


def read_piece(
    connection: sqlite3.Connection, names: Sequence[str], span: ReadRange
) -> StepPiece:
    """Read at most PIECE_STEPS steps."""
    steps: list[tuple[str, TargetSteps]] = []
    remaining = PIECE_STEPS
    (nth, *after), since_wall, until_wall = span
    while nth < len(names):
        parameters = (names[nth], *after, until_wall, remaining)
        count, *columns = connection.execute(_STEPS, parameters).fetchone()
        if count:
            steps.append((names[nth], _read_steps(*columns)))
        remaining -= count
        if not remaining:
            last = connection.execute(_LAST, parameters).fetchone()
            return StepPiece(steps, ReadCursor(nth, *last))
        nth, after = nth + 1, [since_wall, 0]
    return StepPiece(steps, None)


def _read_steps(ats: str, briefs: str) -> TargetSteps:
    """SQLite writes times to a hundredth of a millisecond."""
    times = decode(f"[{ats}]", list[float])
    return TargetSteps(times, list(map(read_step_code, briefs.split("\n"))))
