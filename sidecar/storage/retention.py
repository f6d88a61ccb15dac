"""What is older than the retention goes, in small steps."""

import sqlite3
from typing import NamedTuple

from sidecar.storage.database import transaction

RULE_ROWS = 500
RULE_BUNDLES = 20
"""Evidence is large."""


class RetentionRule(NamedTuple):
    """Rows of ``table`` for which ``old`` holds, at most ``rows`` a transaction."""

    table: str
    old: str
    rows: int = RULE_ROWS


RETENTION_RULES = (
    RetentionRule(
        "evidence",
        "incident IN (SELECT id FROM incidents WHERE resolved_wall < :before)",
        RULE_BUNDLES,
    ),
    RetentionRule("incidents", "resolved_wall < :before"),
    # The lines of an incident that is still kept are its timeline.
    RetentionRule(
        "journal",
        "at_wall < :before"
        " AND (incident IS NULL OR incident NOT IN (SELECT id FROM incidents))",
    ),
    RetentionRule("outbox", "ended_wall < :before"),
    RetentionRule("watched", "until_wall < :before"),
    RetentionRule("set_aside", "at_wall < :before"),
)


def remove_some(
    connection: sqlite3.Connection, step: RetentionRule, before_wall: float
) -> int:
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
