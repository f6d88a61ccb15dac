"""The tables, and the migrations from earlier versions."""

import sqlite3

from sidecar.core.ports.storage import StoreUnavailable

_FIRST = """
CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE instances (
    target TEXT NOT NULL, number INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (target, number));
CREATE TABLE incidents (
    id TEXT PRIMARY KEY, opened_wall REAL NOT NULL, resolved_wall REAL,
    value TEXT NOT NULL);
CREATE INDEX incidents_open ON incidents (id) WHERE resolved_wall IS NULL;
CREATE INDEX incidents_resolved ON incidents (resolved_wall);
CREATE TABLE ledger (
    target TEXT NOT NULL, cause TEXT NOT NULL, cure TEXT NOT NULL,
    value TEXT NOT NULL, PRIMARY KEY (target, cause, cure));
CREATE TABLE journal (
    id INTEGER PRIMARY KEY, at_wall REAL NOT NULL, kind TEXT NOT NULL,
    target TEXT NOT NULL, incident TEXT, data TEXT NOT NULL);
CREATE INDEX journal_at ON journal (at_wall);
CREATE INDEX journal_target ON journal (target, at_wall);
CREATE INDEX journal_incident ON journal (incident) WHERE incident IS NOT NULL;
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY, incident TEXT NOT NULL, at_wall REAL NOT NULL,
    value TEXT NOT NULL);
CREATE INDEX evidence_incident ON evidence (incident);
CREATE TABLE outbox (
    id TEXT PRIMARY KEY, incident TEXT NOT NULL, sequence INTEGER NOT NULL,
    channel TEXT NOT NULL, kind TEXT NOT NULL, severity TEXT NOT NULL,
    created_wall REAL NOT NULL, facts TEXT NOT NULL, attempts INTEGER NOT NULL,
    not_before_wall REAL NOT NULL, ended_wall REAL, arrived INTEGER NOT NULL,
    error TEXT NOT NULL);
CREATE INDEX outbox_waiting ON outbox (id) WHERE ended_wall IS NULL;
CREATE INDEX outbox_ended ON outbox (ended_wall) WHERE ended_wall IS NOT NULL;
CREATE TABLE watched (from_wall REAL PRIMARY KEY, until_wall REAL NOT NULL);
CREATE TABLE set_aside (
    at_wall REAL NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL,
    value TEXT NOT NULL, why TEXT NOT NULL);
"""

_BRIEF = """
ALTER TABLE journal ADD COLUMN brief TEXT;
UPDATE journal SET brief = CASE kind
    WHEN 'state' THEN (data ->> 'from') || '>' || (data ->> 'to')
        || coalesce(' ' || (data ->> 'cause'), '')
    ELSE (data ->> 'action') || ' ' || (data ->> 'trigger')
        || ' ' || (data ->> 'outcome') END
    WHERE kind IN ('state', 'remedy') AND json_valid(data);
DROP INDEX journal_target;
CREATE INDEX journal_target ON journal (target, at_wall, id, brief);
"""

_RENAMED_GUARDS = {
    "upstream": "dependency",
    "storm": "rate_limit",
    "efficacy": "ineffective",
    "recent": "recently_restarted",
    "not_calm": "unstable",
    "engine_restarts": "engine_policy",
}


def _rename_guard(table: str, column: str, path: str) -> str:
    """The statement that renames the guards at one place of a JSON column."""
    old = f"({column} ->> '{path}')"
    cases = " ".join(f"WHEN '{a}' THEN '{b}'" for a, b in _RENAMED_GUARDS.items())
    names = ", ".join(f"'{name}'" for name in _RENAMED_GUARDS)
    return (
        f"UPDATE {table} SET {column} = json_set({column}, '{path}', "  # noqa: S608 - ours
        f"CASE {old} {cases} END) WHERE json_valid({column}) AND {old} IN ({names});\n"
    )


def _make_reason(table: str, path: str) -> str:
    """The statement that makes a reason of the text at one place of the values."""
    old = f"(value ->> '{path}')"
    text = f"json_array('text', json_array(json_array('said', {old})))"
    return (
        f"UPDATE {table} SET value = json_set(value, '{path}', "  # noqa: S608 - ours
        f"CASE {old} WHEN '' THEN json_array('none', json_array()) ELSE {text} END) "
        f"WHERE json_valid(value) AND json_type(value, '{path}') = 'text';\n"
    )


_REASONS = (
    "$.reason",
    "$.load_failure",
    "$.last_decision.reason",
    "$.loading.reason",
    "$.remedy.note",
    "$.remedy.decision.reason",
    "$.health.last.reason",
    "$.health.blind.reason",
)
"""Paths of the reason texts in an instance of version 2."""

_NAMES_AND_REASONS = "ALTER TABLE ledger RENAME COLUMN cure TO remedy;\n" + "".join(
    (
        _rename_guard("instances", "value", "$.last_decision.guard"),
        _rename_guard("instances", "value", "$.remedy.decision.guard"),
        _rename_guard("instances", "value", "$.loading.guard"),
        _rename_guard("journal", "data", "$.guard"),
        _rename_guard("outbox", "facts", "$.guard"),
        *(_make_reason("instances", path) for path in _REASONS),
        _make_reason("incidents", "$.detail"),
    )
)

_TASK_RUNS = """
CREATE TABLE task_runs (
    id INTEGER PRIMARY KEY, task TEXT NOT NULL, kind TEXT NOT NULL,
    began_wall REAL NOT NULL, ended_wall REAL NOT NULL, outcome TEXT NOT NULL,
    value TEXT NOT NULL);
CREATE INDEX task_runs_task ON task_runs (task, id);
CREATE INDEX task_runs_ended ON task_runs (ended_wall);
"""

_DRILLS = """
CREATE TABLE drills (
    id TEXT PRIMARY KEY, target TEXT NOT NULL, fault TEXT NOT NULL,
    began_wall REAL NOT NULL, ended_wall REAL NOT NULL, outcome TEXT NOT NULL,
    value TEXT NOT NULL);
CREATE INDEX drills_target ON drills (target, ended_wall);
CREATE INDEX drills_ended ON drills (ended_wall);
"""

MIGRATIONS = (_FIRST, _BRIEF, _NAMES_AND_REASONS, _TASK_RUNS, _DRILLS)
"""The n-th script makes a store of version n from one of version n - 1."""


def version(connection: sqlite3.Connection) -> int:
    """The store's version; 0: it is empty."""
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the store to this version, each step whole or not. StoreUnavailable."""
    current = version(connection)
    if current > len(MIGRATIONS):
        raise StoreUnavailable(
            f"the store was written by a newer sidecar: its version is {current}, "
            f"this sidecar knows {len(MIGRATIONS)}. Run that sidecar again, or move "
            "sidecar.db out of the state directory to begin without memory"
        )
    for number, script in enumerate(MIGRATIONS[current:], current + 1):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;{script}PRAGMA user_version = {number};COMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise
