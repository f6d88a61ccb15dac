"""The store: what must survive us, in SQLite in the state directory."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from loguru import logger

from sidecar.core.moment import Moment
from sidecar.core.ports import Clock, Component, StoreBroken, Turned
from sidecar.core.record import Message, Watched
from sidecar.core.state import State
from sidecar.records.alive import Alive, last_stretch
from sidecar.records.batch import Batch
from sidecar.records.changes import Changes
from sidecar.records.condition import Condition
from sidecar.records.database import DATABASE, Opened, open_for_writing
from sidecar.records.journal import SqliteJournal
from sidecar.records.lock import StateLock
from sidecar.records.outbox import SqliteOutbox, ended_messages, waiting_messages
from sidecar.records.prune import STEPS, Step, checkpoint, remove_some
from sidecar.records.reader import Reader
from sidecar.records.recall import recall
from sidecar.records.writer import Writer

STEPS_READERS = 4
"""A report's pages are all over the file: a disk reads several as soon as one."""
OPEN_DEADLINE_S = 60.0
"""A large store is checked page by page."""


class _Held(NamedTuple):
    """What the database held when it was opened."""

    state: State | None
    waiting: tuple[Message, ...]
    ended: tuple[str, ...]
    watched: Watched | None


class _Open(NamedTuple):
    """A locked directory with its database."""

    lock: StateLock
    opened: Opened[_Held]


async def open_store(state_dir: Path, clock: Clock) -> "SqliteStore":
    """Lock the state directory, open what is there or begin anew.

    StoreInUse: another sidecar has it. StoreBroken: it cannot be used.
    """
    thread = ThreadPoolExecutor(1, "store-write")
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(thread, _open, state_dir, clock.now().wall)
    try:
        async with asyncio.timeout(OPEN_DEADLINE_S):
            at_hand = await opening
    except TimeoutError as error:
        raise StoreBroken(
            f"the store in {state_dir} did not open in {OPEN_DEADLINE_S:.0f} s"
        ) from error
    finally:
        if not opening.done() or opening.cancelled() or opening.exception():
            thread.shutdown(wait=False)
    return SqliteStore(state_dir / DATABASE, clock, thread, at_hand)


def _open(state_dir: Path, now_wall: float) -> _Open:
    lock = StateLock(state_dir)
    try:
        return _Open(
            lock,
            open_for_writing(
                state_dir / DATABASE, now_wall, lambda c: _read(c, now_wall)
            ),
        )
    except BaseException:
        lock.release()
        raise


def _read(connection: sqlite3.Connection, now_wall: float) -> _Held:
    return _Held(
        recall(connection, now_wall),
        waiting_messages(connection, now_wall),
        ended_messages(connection),
        last_stretch(connection),
    )


class SqliteStore:
    """core.ports.Store; ``journal`` and ``outbox`` are its other two faces."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        thread: ThreadPoolExecutor,
        at_hand: _Open,
    ) -> None:
        self._clock = clock
        self._lock, opened = at_hand
        held = opened.held
        self._left = held.state
        self._condition = Condition(clock, _note(opened.lost))
        self._writer = Writer(opened.connection, thread, clock, self._condition)
        self._readers = tuple(Reader(path) for _ in range(1 + STEPS_READERS))
        self._changes = Changes()
        self._alive = Alive(held.watched)
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

    async def append(self, turned: Turned) -> None:
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
        batch = Batch(stretches={begin: until})
        if self._changes.begun:
            batch.clock = self._clock.now()
        await self._writer.write(batch)

    async def prune(self, now_wall: float, retention_s: float) -> int:
        """Remove what is older, except open incidents and messages that wait.

        How many rows went. StoreBroken.
        """
        gone = 0
        for step in STEPS:
            gone += await self._prune(step, now_wall - retention_s)
        await self._writer.run(checkpoint)
        return gone

    async def _prune(self, step: Step, before_wall: float) -> int:
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
        self._lock.release()


def _note(lost: Path | None) -> str:
    if lost is None:
        return ""
    note = (
        f"the store was unreadable: it was set aside as {lost.name}, and budgets, "
        "incidents and unsent messages of before are not known"
    )
    logger.error("{}", note)
    return note
