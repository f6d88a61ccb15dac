"""The journal, read back for reports."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import (
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import TypeVar

from loguru import logger

from sidecar.core.model.drill import DrillRecord
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import (
    EntryKind,
    JournalEntry,
    MonitoredInterval,
    TargetSteps,
)
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.storage.codec import decode
from sidecar.storage.read.reader import Reader
from sidecar.storage.read.report_query import (
    ReadCursor,
    ReadRange,
    read_piece,
    target_names,
)

R = TypeVar("R")
T = TypeVar("T")

MOST_ENTRIES = 50_000
"""That many entries take some 60 MB: more than the rest of Sidecar."""


class SqliteJournal:
    """core.ports.Journal. Reads what is on disk; StoreUnavailable where it cannot."""

    def __init__(self, reader: Reader, step_readers: Sequence[Reader]) -> None:
        self._reader = reader
        self._step_readers = step_readers

    async def entries(
        self,
        since_wall: float,
        until_wall: float,
        *,
        target: str | None = None,
        incident: str | None = None,
        kinds: frozenset[EntryKind] = frozenset(),
    ) -> tuple[JournalEntry, ...]:
        """In order of time; no ``kinds`` means all.

        StoreUnavailable also where there are more than MOST_ENTRIES.
        """
        conditions: dict[str, list[object]] = {
            "at_wall >= ?": [since_wall],
            "at_wall < ?": [until_wall],
        }
        if target is not None:
            conditions["target = ?"] = [target]
        if incident is not None:
            conditions["incident = ?"] = [incident]
        if kinds:
            conditions[f"kind IN ({', '.join('?' * len(kinds))})"] = [*sorted(kinds)]
        return await self._reader.ask(lambda c: _entries(c, conditions))

    async def steps(
        self, since_wall: float, until_wall: float
    ) -> AsyncIterator[Sequence[tuple[str, TargetSteps]]]:
        """Steps for a report, of each target in order of time, in pieces of bounded
        size; two pieces may be about the same target.

        While the caller handles one piece, every reader reads its next.
        """
        names = await self._reader.ask(target_names)
        span = ReadRange(ReadCursor(0, since_wall, 0), since_wall, until_wall)
        readers = self._step_readers
        reading = deque(
            _ReaderShare(reader, names[nth :: len(readers)], span)
            for nth, reader in enumerate(readers)
        )
        try:
            while reading:
                share = reading.popleft()
                steps_piece = await share.piece
                if steps_piece.rest is not None:
                    rest = span._replace(place=steps_piece.rest)
                    reading.append(_ReaderShare(share.reader, share.names, rest))
                if steps_piece.steps:
                    yield steps_piece.steps
        finally:
            for share in reading:
                share.piece.cancel()
            await asyncio.gather(*(s.piece for s in reading), return_exceptions=True)

    async def incidents(
        self, *, open_only: bool = False, limit: int = 100
    ) -> tuple[Incident, ...]:
        """The last incidents, newest first."""
        where = "resolved_wall IS NULL" if open_only else "1"
        return await self._reader.ask(
            lambda c: _incidents(c, f"{where} ORDER BY id DESC LIMIT ?", limit)
        )

    async def incident(self, incident_id: str) -> Incident | None:
        """One incident; None: there is none of this id."""
        incidents = await self._reader.ask(
            lambda c: _incidents(c, "id = ?", incident_id)
        )
        return next(iter(incidents), None)

    async def evidence(self, incident: str) -> tuple[Mapping[str, object], ...]:
        """The bundles that were gathered for an incident, oldest first."""
        return await self._reader.ask(lambda c: _evidence(c, incident))

    async def task_runs(
        self, limit: int, task: str | None = None
    ) -> tuple[TaskRun, ...]:
        """The last runs of maintenance tasks, or of one task, newest first."""
        return await self._reader.ask(lambda c: _task_runs(c, limit, task))

    async def drills(
        self, limit: int, target: str | None = None
    ) -> tuple[DrillRecord, ...]:
        """The last drills that have ended, or those of one target, newest first."""
        return await self._reader.ask(lambda c: _drills(c, limit, target))

    async def monitored_intervals(
        self, since_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        """Intervals in which Sidecar measured, clipped to the asked span."""
        rows = await self._reader.ask(
            lambda c: c.execute(
                "SELECT from_wall, until_wall FROM watched"
                " WHERE until_wall > ? AND from_wall < ? ORDER BY from_wall",
                (since_wall, until_wall),
            ).fetchall()
        )
        clipped = (
            MonitoredInterval(max(begin, since_wall), min(end, until_wall))
            for begin, end in rows
        )
        return tuple(_join_intervals(clipped))


class _ReaderShare:
    """A reader's part of the targets, and the piece of it that is being read."""

    def __init__(self, reader: Reader, names: Sequence[str], span: ReadRange) -> None:
        self.reader = reader
        self.names = names
        self.piece = asyncio.create_task(
            reader.ask(lambda c: read_piece(c, names, span))
        )


def _entries(
    connection: sqlite3.Connection, conditions: Mapping[str, list[object]]
) -> tuple[JournalEntry, ...]:
    """The conditions are our own constants, their values are bound."""
    rows = connection.execute(
        "SELECT at_wall, kind, target, incident, data FROM journal"  # noqa: S608
        f" WHERE {' AND '.join(conditions)} ORDER BY at_wall, id LIMIT ?",
        [*(v for values in conditions.values() for v in values), MOST_ENTRIES + 1],
    ).fetchall()
    if len(rows) > MOST_ENTRIES:
        raise StoreUnavailable(
            f"there are more than {MOST_ENTRIES} entries: ask for one target, "
            "or for a shorter time"
        )
    return tuple(_readable(rows, _entry))


def _entry(row: tuple[float, str, str, str | None, str]) -> JournalEntry:
    at, kind, target, incident, data = row
    facts = decode(data, dict[str, object])
    reason_data = str(facts.pop("reason_data", ""))
    return JournalEntry(at, EntryKind(kind), target, incident, facts, reason_data)


def _readable(rows: Iterable[R], read: Callable[[R], T]) -> Iterator[T]:
    """Skip an unreadable record: the others must still reach the report."""
    for row in rows:
        try:
            yield read(row)
        except ValueError as error:
            logger.error("a stored record is unreadable and left out: {}", error)


def _incidents(
    connection: sqlite3.Connection, where: str, value: object
) -> tuple[Incident, ...]:
    rows = connection.execute(
        f"SELECT value FROM incidents WHERE {where}",  # noqa: S608 - words of ours
        (value,),
    )
    return tuple(_readable(rows, lambda row: decode(row[0], Incident)))


def _evidence(
    connection: sqlite3.Connection, incident: str
) -> tuple[Mapping[str, object], ...]:
    rows = connection.execute(
        "SELECT value FROM evidence WHERE incident = ? ORDER BY id", (incident,)
    )
    return tuple(_readable(rows, lambda row: decode(row[0], dict[str, object])))


def _task_runs(
    connection: sqlite3.Connection, limit: int, task: str | None
) -> tuple[TaskRun, ...]:
    condition, values = ("1", ()) if task is None else ("task = ?", (task,))
    rows = connection.execute(
        f"SELECT value FROM task_runs WHERE {condition}"  # noqa: S608 - words of ours
        " ORDER BY id DESC LIMIT ?",
        (*values, limit),
    )
    return tuple(_readable(rows, lambda row: decode(row[0], TaskRun)))


def _drills(
    connection: sqlite3.Connection, limit: int, target: str | None
) -> tuple[DrillRecord, ...]:
    condition, values = ("1", ()) if target is None else ("target = ?", (target,))
    rows = connection.execute(
        f"SELECT value FROM drills WHERE {condition}"  # noqa: S608 - words of ours
        " ORDER BY ended_wall DESC, id DESC LIMIT ?",
        (*values, limit),
    )
    return tuple(_readable(rows, lambda row: decode(row[0], DrillRecord)))


def _join_intervals(intervals: Iterable[MonitoredInterval]) -> list[MonitoredInterval]:
    """Join intervals that overlap, as where the wall clock was set back."""
    joined: list[MonitoredInterval] = []
    for interval in intervals:
        if joined and interval.from_wall <= joined[-1].until_wall:
            end = max(joined[-1].until_wall, interval.until_wall)
            joined[-1] = joined[-1]._replace(until_wall=end)
        else:
            joined.append(interval)
    return joined
