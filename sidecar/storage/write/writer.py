"""The only writer: one connection in a thread of its own.

Waiting changes form one bounded batch (see batch.py). At most one transaction runs
at a time; changes that come meanwhile go into the next.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from loguru import logger

from sidecar.core.ports.loop import Clock
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.storage.write.batch import WriteBatch
from sidecar.storage.write.insert import insert_batch
from sidecar.storage.write_status import WriteStatus

WRITE_DEADLINE_S = 5.0
RETRY_S = 1.0
"""Time after a failure before the loop waits for a write again."""

T = TypeVar("T")


class Writer:
    """Writes batches in ``thread``, the connection's own thread.

    ``connection`` None: every write first calls ``reopen`` there.
    """

    def __init__(
        self,
        connection: sqlite3.Connection | None,
        thread: ThreadPoolExecutor,
        clock: Clock,
        condition: WriteStatus,
        reopen: Callable[[], sqlite3.Connection],
    ) -> None:
        self._reopen = reopen
        self._connection = connection
        self._thread = thread
        self._clock = clock
        self._condition = condition
        self._waiting = WriteBatch()
        self._write_task: asyncio.Task[None] | None = None
        self._overdue = False
        self._retry_mono = 0.0

    @property
    def has_unwritten(self) -> bool:
        """Does a batch wait to be written?"""
        return bool(self._waiting)

    async def write(self, batch: WriteBatch) -> None:
        """Return once the batch is on disk, or cannot be written for now."""
        self._waiting.add(batch)
        if self._write_task is None:
            if self._clock.now().mono < self._retry_mono:
                return
            self._write_task = asyncio.create_task(self._write_all())
        elif self._overdue:
            return
        await self._wait_for_write(self._write_task)

    async def _wait_for_write(self, task: asyncio.Task[None]) -> None:
        finished, _ = await asyncio.wait({task}, timeout=WRITE_DEADLINE_S)
        if not finished:
            self._overdue = True
            self._condition.note_failure(
                f"the disk did not answer in {WRITE_DEADLINE_S} s"
            )

    async def _write_all(self) -> None:
        """Write batches until none waits or a write fails."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, WriteBatch()
                if not await self._write_batch(batch):
                    return
        finally:
            self._write_task = None
            self._overdue = False

    async def _write_batch(self, batch: WriteBatch) -> bool:
        try:
            await self._in_thread(lambda: insert_batch(self._open(), batch))
        except Exception as error:  # noqa: BLE001  whatever it is, nothing may be lost
            self._retry_mono = self._clock.now().mono + RETRY_S
            self._condition.note_failure(str(error) or type(error).__name__)
            batch.add(self._waiting)
            self._waiting = batch
            return False
        self._condition.note_success(batch.dropped)
        return True

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do other work with the connection, between two batches. StoreUnavailable."""
        try:
            async with asyncio.timeout(WRITE_DEADLINE_S):
                return await self._in_thread(lambda: work(self._open()))
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the store cannot be used: {error}") from error
        except TimeoutError as error:
            raise StoreUnavailable(
                f"the store did not answer in {WRITE_DEADLINE_S} s"
            ) from error

    def _open(self) -> sqlite3.Connection:
        """The connection; call it in the thread. StoreUnavailable."""
        self._connection = self._connection or self._reopen()
        return self._connection

    def _in_thread(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Write what waits, for at most WRITE_DEADLINE_S, and close the connection."""
        self._retry_mono = 0.0
        if self._waiting or self._write_task is not None:
            await self.write(WriteBatch())
        if self._waiting:
            logger.error("what could not be written to the store is lost now")
        closing = self._in_thread(self._close)
        await asyncio.wait({closing}, timeout=WRITE_DEADLINE_S)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
