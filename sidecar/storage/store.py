"""The store: data that survives a restart, in SQLite in the state directory."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from loguru import logger

from sidecar.core.model.journal_entry import MonitoredInterval
from sidecar.core.model.message import Message
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.ports.loop import Clock, Component
from sidecar.core.ports.storage import StoreUnusable
from sidecar.storage.database import (
    DATABASE,
    OpenedDatabase,
    open_for_writing,
    read_unwritable,
)
from sidecar.storage.lock import StateLock
from sidecar.storage.monitoring_recorder import MonitoringRecorder, last_interval
from sidecar.storage.read.journal import SqliteJournal
from sidecar.storage.read.load_state import load_state
from sidecar.storage.read.reader import Reader
from sidecar.storage.retention import (
    RETENTION_RULES,
    RetentionRule,
    checkpoint,
    remove_some,
)
from sidecar.storage.write.batch import WriteBatch
from sidecar.storage.write.change_tracker import ChangeTracker
from sidecar.storage.write.outbox import SqliteOutbox, ended_messages, waiting_messages
from sidecar.storage.write.writer import Writer
from sidecar.storage.write_status import WriteStatus

STEPS_READERS = 4
"""A report's pages are scattered: a disk reads several as fast as one."""
OPEN_DEADLINE_S = 60.0
"""A large store is checked page by page."""

T = TypeVar("T")


class _StoredState(NamedTuple):
    """Content of the database when it was opened."""

    state: State | None
    waiting: tuple[Message, ...]
    ended: tuple[str, ...]
    watched: MonitoredInterval | None


_NO_STATE = _StoredState(None, (), (), None)


class _OpenResult(NamedTuple):
    """``connection`` None: the disk refuses writes, for the reason ``doubt``.

    ``doubt``: why earlier actions are unknown, or partly unknown.
    """

    connection: sqlite3.Connection | None
    stored: _StoredState
    doubt: str


async def open_store(state_dir: Path, clock: Clock) -> "SqliteStore":
    """Lock the state directory, and open its database or create one.

    Where the disk refuses, the store begins in memory and is written as soon as it
    can be. StoreInUse: another sidecar has it. StoreUnavailable: this sidecar may not
    use it.
    """
    thread = ThreadPoolExecutor(1, "store-write")
    directory = _StateDirectory(state_dir)
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(thread, directory.open_and_read, clock.now().wall)
    try:
        async with asyncio.timeout(OPEN_DEADLINE_S):
            result = await opening
    except TimeoutError:
        doubt = f"the store in {state_dir} did not open in {OPEN_DEADLINE_S:.0f} s"
        result = _OpenResult(None, _NO_STATE, doubt)
    except BaseException:
        thread.shutdown(wait=False)
        raise
    return SqliteStore(directory, clock, thread, result)


class _StateDirectory:
    """The state directory: its lock, and the database in it."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._lock: StateLock | None = None
        self.path = state_dir / DATABASE

    def open_and_read(self, now_wall: float) -> _OpenResult:
        """Open the database and read its content. StoreInUse, StoreUnavailable."""
        try:
            database = self._open(now_wall, lambda c: _read(c, now_wall))
        except StoreUnusable as error:
            stored = read_unwritable(self.path, lambda c: _read(c, now_wall))
            return _OpenResult(None, stored or _NO_STATE, str(error))
        return _OpenResult(
            database.connection, database.content, _note_doubt(database.quarantined)
        )

    def reopen(self) -> sqlite3.Connection:
        """Open it for writing only: its content was read before. StoreUnavailable."""
        return self._open(time.time(), lambda _: None).connection

    def _open(
        self, now_wall: float, read: Callable[[sqlite3.Connection], T]
    ) -> OpenedDatabase[T]:
        self._lock = self._lock or StateLock(self._state_dir)
        try:
            return open_for_writing(self.path, now_wall, read)
        except StoreUnusable:
            raise
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Release the lock for the next sidecar."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _read(connection: sqlite3.Connection, now_wall: float) -> _StoredState:
    return _StoredState(
        load_state(connection, now_wall),
        waiting_messages(connection, now_wall),
        ended_messages(connection),
        last_interval(connection),
    )


class SqliteStore:
    """core.ports.Store; ``journal`` and ``outbox`` implement the other two ports."""

    def __init__(
        self,
        directory: _StateDirectory,
        clock: Clock,
        thread: ThreadPoolExecutor,
        result: _OpenResult,
    ) -> None:
        self._clock = clock
        self._directory = directory
        connection, stored, self.doubt = result
        """Why earlier actions are unknown, or partly unknown; "": they are known."""
        self._unloaded = stored.state
        self._condition = WriteStatus(clock, self.doubt if connection else "")
        if connection is None:
            self._condition.note_failure(self.doubt)
        self._writer = Writer(
            connection, thread, clock, self._condition, directory.reopen
        )
        self._readers = tuple(Reader(directory.path) for _ in range(1 + STEPS_READERS))
        self._changes = ChangeTracker()
        self._monitoring = MonitoringRecorder(stored.watched)
        self.journal = SqliteJournal(self._readers[0], self._readers[1:])
        self.outbox = SqliteOutbox(self._writer, stored.waiting, stored.ended)
        self.saved_at: Moment | None = None
        """Both clocks at the last sign of life of the process that saved the loaded
        state: an ``append`` that wrote something, or ``note_alive``.
        """

    async def load(self) -> State | None:
        """The stored state, with the monotonic times of the process that saved it.
        It has no targets: the first listing brings them. None: there is no state.

        Call it once, before the first ``append``.
        """
        state, self._unloaded = self._unloaded, None
        if state is not None:
            self._changes.note_loaded(state)
            self.saved_at = state.started
        return state

    async def append(self, *results: StepResult) -> None:
        """Return once the results are on disk; at once where nothing durable changed.

        They are written in one transaction. A failed write raises nothing: the
        results wait in memory, bounded, for the next append.
        """
        batch = self._changes.collect(results)
        new = self.outbox.new(tuple(m for result in results for m in result.messages))
        batch.messages.update((message.id, message) for message in new)
        if not batch and not self._writer.has_unwritten:
            return
        batch.clock = self._clock.now()
        await self._writer.write(batch)
        await self.outbox.take(new, self._clock.now().wall)

    async def note_alive(self, now_wall: float) -> None:
        """Note that Sidecar measures; call it about every 10 s."""
        begin, until = self._monitoring.note(now_wall)
        batch = WriteBatch(stretches={begin: until})
        if self._changes.has_baseline:
            batch.clock = self._clock.now()
        await self._writer.write(batch)

    async def prune(self, now_wall: float, retention_s: float) -> dict[str, int]:
        """Delete older rows, except open incidents and waiting messages.

        Return the number of deleted rows of each table. StoreUnavailable.
        """
        row_counts = {
            rule.table: await self._prune(rule, now_wall - retention_s)
            for rule in RETENTION_RULES
        }
        await self._writer.run(checkpoint)
        return row_counts

    async def _prune(self, rule: RetentionRule, before_wall: float) -> int:
        """Apply one rule; an append may run between two transactions."""
        row_count = 0
        while True:
            removed = await self._writer.run(
                lambda c: remove_some(c, rule, before_wall)
            )
            row_count += removed
            if removed < rule.rows:
                return row_count

    def component(self) -> Component:
        """The store's health: is it writable?"""
        return self._condition.component()

    async def close(self) -> None:
        """Write what waits, and release the lock."""
        await asyncio.gather(*(reader.close() for reader in self._readers))
        await self._writer.close()
        self._directory.release()


def _note_doubt(quarantined: Path | None) -> str:
    if quarantined is None:
        return ""
    note = (
        f"the store was unreadable: it was set aside as {quarantined.name}, and "
        "budgets, incidents and unsent messages of before are not known"
    )
    logger.error("{}", note)
    return note
