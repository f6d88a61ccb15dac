"""Write batches to the database."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from loguru import logger

from sidecar.core.model.decision import Decision
from sidecar.core.model.drill import DrillRecord
from sidecar.core.model.journal_entry import EntryKind
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.model.message import Message
from sidecar.core.model.transition import (
    BalanceCompared,
    IncidentChanged,
    RemedyEnded,
    StateChanged,
)
from sidecar.core.reason.reason_text import encode_reason
from sidecar.core.reporting.journal_records import (
    record_of_balance,
    record_of_decision,
    record_of_transition,
)
from sidecar.storage.codec import (
    encode,
    encode_evidence,
    persistent_part,
    replace_surrogates,
)
from sidecar.storage.database import transaction
from sidecar.storage.step_code import step_code
from sidecar.storage.write.batch import EvidenceRow, JournalItem, WriteBatch

EVIDENCE_PER_INCIDENT = 20

T = TypeVar("T")
Row = tuple[object, ...]

_KINDS = {
    StateChanged: EntryKind.STATE,
    RemedyEnded: EntryKind.REMEDY,
    IncidentChanged: EntryKind.INCIDENT,
}


def insert_batch(connection: sqlite3.Connection, batch: WriteBatch) -> None:
    """Write a batch in one transaction. sqlite3.Error: nothing was written."""
    with transaction(connection):
        _save_instances(connection, batch)
        _save_stack(connection, batch)
        _save_messages(connection, batch)
        connection.executemany(
            "INSERT INTO journal (at_wall, kind, target, incident, data, brief)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            _write_rows(batch.entries, _entry_row),
        )
        _save_evidence(connection, batch)
        connection.executemany(
            "INSERT INTO task_runs (task, kind, began_wall, ended_wall, outcome, value)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            _write_rows(batch.task_runs, _task_run_row),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO drills VALUES (?, ?, ?, ?, ?, ?, ?)",
            _write_rows(batch.drills, _drill_row),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO watched VALUES (?, ?)", batch.stretches.items()
        )


def _write_rows(items: Iterable[T], row_of: Callable[[T], Row]) -> Iterator[Row]:
    """Skip an item that cannot be encoded: the others must still be written."""
    for item in items:
        try:
            yield tuple(map(replace_surrogates, row_of(item)))
        except (TypeError, ValueError) as error:
            logger.error("a record is left out of the store: {}", error)


def _save_instances(connection: sqlite3.Connection, batch: WriteBatch) -> None:
    present = [
        (instance_id, i) for instance_id, i in batch.instances.items() if i is not None
    ]
    connection.executemany(
        "INSERT OR REPLACE INTO instances VALUES (?, ?, ?)",
        _write_rows(present, lambda pair: (*pair[0], encode(persistent_part(pair[1])))),
    )
    connection.executemany(
        "DELETE FROM instances WHERE target = ? AND number = ?",
        [
            instance_id
            for instance_id, instance in batch.instances.items()
            if instance is None
        ],
    )


def _save_stack(connection: sqlite3.Connection, batch: WriteBatch) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?)",
        _write_rows(
            batch.incidents.values(),
            lambda i: (
                i.id,
                i.opened_at.wall,
                None if i.resolved_at is None else i.resolved_at.wall,
                encode(i),
            ),
        ),
    )
    _save_ledger(connection, batch)
    values = dict(batch.memory)
    if batch.clock is not None:
        values["clock"] = encode(batch.clock)
    connection.executemany(
        "INSERT OR REPLACE INTO memory VALUES (?, ?)", values.items()
    )


def _save_ledger(connection: sqlite3.Connection, batch: WriteBatch) -> None:
    present = [(key, line) for key, line in batch.ledger.items() if line is not None]
    connection.executemany(
        "INSERT OR REPLACE INTO ledger VALUES (?, ?, ?, ?)",
        _write_rows(present, lambda pair: (*pair[0], encode(pair[1]))),
    )
    connection.executemany(
        "DELETE FROM ledger WHERE target = ? AND cause = ? AND remedy = ?",
        [key for key, line in batch.ledger.items() if line is None],
    )


def _save_messages(connection: sqlite3.Connection, batch: WriteBatch) -> None:
    """Insert new messages; an existing message stays as it is."""
    connection.executemany(
        "INSERT OR IGNORE INTO outbox (id, incident, sequence, channel, kind,"
        " severity, created_wall, facts, attempts, not_before_wall, arrived, error)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')",
        _write_rows(batch.messages.values(), _message_row),
    )
    connection.executemany(
        "UPDATE outbox SET attempts = ?, not_before_wall = ?, ended_wall = ?,"
        " arrived = ?, error = ? WHERE id = ?",
        _write_rows(batch.marks.items(), lambda pair: (*pair[1], pair[0])),
    )


def _message_row(message: Message) -> Row:
    return (
        message.id,
        message.incident,
        message.sequence,
        message.channel,
        message.kind,
        message.severity,
        message.created_wall,
        encode(message.facts),
        message.attempts,
        message.not_before_wall,
    )


def _entry_row(item: JournalItem) -> Row:
    """Data in the feed's shape; balances with amounts, reasons with parameters."""
    if isinstance(item, Decision):
        kind, data = EntryKind.DECISION, record_of_decision(item)
    elif isinstance(item, BalanceCompared):
        kind, data = EntryKind.BALANCE, record_of_balance(item)
    else:
        kind, data = _KINDS[type(item)], record_of_transition(item)
    if item.reason.parameters:
        data["reason_data"] = encode_reason(item.reason)
    name, incident = data["target"], data["incident"]
    return (item.at.wall, kind, name, incident, encode(data), step_code(item))


def _task_run_row(run: TaskRun) -> Row:
    began_wall, outcome = run.began.wall, run.outcome
    return (run.task, run.kind, began_wall, run.ended_wall, outcome, encode(run))


def _drill_row(record: DrillRecord) -> Row:
    return (
        record.id,
        record.target,
        record.fault,
        record.began_wall,
        record.ended_wall,
        record.outcome,
        encode(record),
    )


def _save_evidence(connection: sqlite3.Connection, batch: WriteBatch) -> None:
    """Keep an incident's first bundle, and the newest of the others."""
    connection.executemany(
        "INSERT INTO evidence (incident, at_wall, value) VALUES (?, ?, ?)",
        _write_rows(batch.evidence, _evidence_row),
    )
    for incident in {bundle.incident for bundle in batch.evidence}:
        connection.execute(
            "DELETE FROM evidence WHERE incident = :incident"
            " AND id NOT IN (SELECT id FROM evidence WHERE incident = :incident"
            " ORDER BY id DESC LIMIT :kept)"
            " AND id <> (SELECT min(id) FROM evidence WHERE incident = :incident)",
            {"incident": incident, "kept": EVIDENCE_PER_INCIDENT - 1},
        )


def _evidence_row(bundle: EvidenceRow) -> Row:
    return (bundle.incident, bundle.at_wall, encode_evidence(bundle.facts))
