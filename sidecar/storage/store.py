"""The store: what must survive us, in SQLite in the state directory."""

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
"""A report's pages are all over the file: a disk reads several as soon as one."""
OPEN_DEADLINE_S = 60.0
"""A large store is checked page by page."""

T = TypeVar("T")


class _StoredState(NamedTuple):
    """What the database held when it was opened."""

    state: State | None
    waiting: tuple[Message, ...]
    ended: tuple[str, ...]
    watched: MonitoredInterval | None


_NO_STATE = _StoredState(None, (), (), None)


class _Opened(NamedTuple):
    """``connection`` None: the disk does not let us write, for the reason ``doubt``.

    ``doubt``: why what was done before is not known, or not all of it.
    """

    connection: sqlite3.Connection | None
    held: _StoredState
    doubt: str


async def open_store(state_dir: Path, clock: Clock) -> "SqliteStore":
    """Lock the state directory, open what is there or begin anew.

    Where the disk does not let us, the store begins in memory, and is written as soon
    as it can be. StoreInUse: another sidecar has it. StoreBroken: it is no store that
    this sidecar may touch.
    """
    thread = ThreadPoolExecutor(1, "store-write")
    home = _StateDirectory(state_dir)
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(thread, home.opened, clock.now().wall)
    try:
        async with asyncio.timeout(OPEN_DEADLINE_S):
            at_hand = await opening
    except TimeoutError:
        doubt = f"the store in {state_dir} did not open in {OPEN_DEADLINE_S:.0f} s"
        at_hand = _Opened(None, _NO_STATE, doubt)
    except BaseException:
        thread.shutdown(wait=False)
        raise
    return SqliteStore(home, clock, thread, at_hand)


class _StateDirectory:
    """The state directory: its lock, and the database in it."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._lock: StateLock | None = None
        self.path = state_dir / DATABASE

    def opened(self, now_wall: float) -> _Opened:
        """StoreInUse, StoreBroken."""
        try:
            opened = self._open(now_wall, lambda c: _read(c, now_wall))
        except StoreUnusable as error:
            held = read_unwritable(self.path, lambda c: _read(c, now_wall))
            return _Opened(None, held or _NO_STATE, str(error))
        return _Opened(opened.connection, opened.held, _note_doubt(opened.lost))

    def reopened(self) -> sqlite3.Connection:
        """To be written only: what is there was read, or is not known. StoreBroken."""
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
        """Let the next sidecar in."""
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
    """core.ports.Store; ``journal`` and ``outbox`` are its other two faces."""

    def __init__(
        self,
        home: _StateDirectory,
        clock: Clock,
        thread: ThreadPoolExecutor,
        at_hand: _Opened,
    ) -> None:
        self._clock = clock
        self._home = home
        connection, held, self.doubt = at_hand
        """Why what was done before is not known, or not all of it; "" where it is."""
        self._left = held.state
        self._condition = WriteStatus(clock, self.doubt if connection else "")
        if connection is None:
            self._condition.failed(self.doubt)
        self._writer = Writer(connection, thread, clock, self._condition, home.reopened)
        self._readers = tuple(Reader(home.path) for _ in range(1 + STEPS_READERS))
        self._changes = ChangeTracker()
        self._alive = MonitoringRecorder(held.watched)
        self.journal = SqliteJournal(self._readers[0], self._readers[1:])
        self.outbox = SqliteOutbox(self._writer, held.waiting, held.ended)
        self.saved_at: Moment | None = None
        """Both clocks when the process that saved what ``load`` gave was last seen
        alive: by an ``append`` that wrote something, or by ``note_alive``.
        """

    async def load(self) -> State | None:
        """The state as it was left, its monotonic times as the dead process knew
        them, without targets: the first listing brings those. None: there is none.

        To be called once, before the first ``append``.
        """
        state, self._left = self._left, None
        if state is not None:
            self._changes.loaded(state)
            self.saved_at = state.started
        return state

    async def append(self, turned: StepResult) -> None:
        """Return once it is on disk; at once where nothing durable has changed.

        Nothing is raised where writing fails: it waits in memory, bounded, for
        the next append.
        """
        batch = self._changes.of(turned)
        new = self.outbox.new(turned.messages)
        batch.messages.update((message.id, message) for message in new)
        if not batch and not self._writer.owes:
            return
        batch.clock = self._clock.now()
        await self._writer.write(batch)
        await self.outbox.take(new, self._clock.now().wall)

    async def note_alive(self, now_wall: float) -> None:
        """We are measuring: to be called every 10 s or so."""
        begin, until = self._alive.note(now_wall)
        batch = WriteBatch(stretches={begin: until})
        if self._changes.begun:
            batch.clock = self._clock.now()
        await self._writer.write(batch)

    async def prune(self, now_wall: float, retention_s: float) -> int:
        """Remove what is older, except open incidents and messages that wait.

        How many rows went. StoreBroken.
        """
        gone = 0
        for step in RETENTION_RULES:
            gone += await self._prune(step, now_wall - retention_s)
        await self._writer.run(checkpoint)
        return gone

    async def _prune(self, step: RetentionRule, before_wall: float) -> int:
        """Appends come in between two transactions."""
        gone = 0
        while True:
            some = await self._writer.run(lambda c: remove_some(c, step, before_wall))
            gone += some
            if some < step.rows:
                return gone

    def component(self) -> Component:
        """Is it writable?"""
        return self._condition.component()

    async def close(self) -> None:
        """Write what waits and let the next sidecar in."""
        await asyncio.gather(*(reader.close() for reader in self._readers))
        await self._writer.close()
        self._home.release()


def _note_doubt(lost: Path | None) -> str:
    if lost is None:
        return ""
    note = (
        f"the store was unreadable: it was set aside as {lost.name}, and budgets, "
        "incidents and unsent messages of before are not known"
    )
    logger.error("{}", note)
    return note
