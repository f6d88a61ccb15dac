"""What is older than the retention goes, in small steps."""

import sqlite3
from typing import NamedTuple

from sidecar.records.database import transaction

STEP_ROWS = 500
STEP_BUNDLES = 20
"""Evidence is large."""


class Step(NamedTuple):
    """Rows of ``table`` for which ``old`` holds, at most ``rows`` a transaction."""

    table: str
    old: str
    rows: int = STEP_ROWS


STEPS = (
    Step(
        "evidence",
        "incident IN (SELECT id FROM incidents WHERE resolved_wall < :before)",
        STEP_BUNDLES,
    ),
    Step("incidents", "resolved_wall < :before"),
    # The lines of an incident that is still kept are its timeline.
    Step(
        "journal",
        "at_wall < :before"
        " AND (incident IS NULL OR incident NOT IN (SELECT id FROM incidents))",
    ),
    Step("outbox", "ended_wall < :before"),
    Step("watched", "until_wall < :before"),
    Step("set_aside", "at_wall < :before"),
)


def remove_some(connection: sqlite3.Connection, step: Step, before_wall: float) -> int:
    """One transaction's worth; how many rows went."""
    with transaction(connection):
        gone = connection.execute(
            f"DELETE FROM {step.table} WHERE rowid IN (SELECT rowid FROM {step.table}"  # noqa: S608 - words of ours
            f" WHERE {step.old} LIMIT :rows)",
            {"before": before_wall, "rows": step.rows},
        )
    return gone.rowcount


def checkpoint(connection: sqlite3.Connection) -> None:
    """Give the write-ahead log's space back."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
