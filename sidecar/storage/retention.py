"""Delete rows older than the retention, in small steps."""

import sqlite3
from typing import NamedTuple

from sidecar.storage.database import transaction

RULE_ROWS = 500
RULE_BUNDLES = 20
"""Evidence is large."""


class RetentionRule(NamedTuple):
    """Rows of ``table`` that meet ``condition``; at most ``rows`` per transaction."""

    table: str
    condition: str
    rows: int = RULE_ROWS


RETENTION_RULES = (
    RetentionRule(
        "evidence",
        "incident IN (SELECT id FROM incidents WHERE resolved_wall < :before)",
        RULE_BUNDLES,
    ),
    RetentionRule("incidents", "resolved_wall < :before"),
    # The entries of an incident that is still stored are its timeline.
    RetentionRule(
        "journal",
        "at_wall < :before"
        " AND (incident IS NULL OR incident NOT IN (SELECT id FROM incidents))",
    ),
    RetentionRule("outbox", "ended_wall < :before"),
    RetentionRule("task_runs", "ended_wall < :before"),
    RetentionRule("drills", "ended_wall < :before"),
    RetentionRule("watched", "until_wall < :before"),
    RetentionRule("set_aside", "at_wall < :before"),
)


def remove_some(
    connection: sqlite3.Connection, rule: RetentionRule, before_wall: float
) -> int:
    """Delete rows in one transaction; return their number."""
    with transaction(connection):
        cursor = connection.execute(
            f"DELETE FROM {rule.table} WHERE rowid IN (SELECT rowid FROM {rule.table}"  # noqa: S608 - words of ours
            f" WHERE {rule.condition} LIMIT :rows)",
            {"before": before_wall, "rows": rule.rows},
        )
    return cursor.rowcount


def checkpoint(connection: sqlite3.Connection) -> None:
    """Free the space of the write-ahead log."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
