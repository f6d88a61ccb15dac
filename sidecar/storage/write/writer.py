"""The only one who writes: one connection in a thread of its own.

What waits is one batch, bounded by what it is (see batch.py). At most one
transaction is under way; what comes meanwhile goes into the next.
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
"""After a failure the loop is not held up again before that."""

T = TypeVar("T")


class Writer:
    """Made with the connection's own thread.

    ``connection`` None: ``reopen`` is to be tried for one, there, with every write.
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
        self._flight: asyncio.Task[None] | None = None
        self._overdue = False
        self._retry_mono = 0.0

    @property
    def owes(self) -> bool:
        """Is there something that could not be written yet?"""
        return bool(self._waiting)

    async def write(self, batch: WriteBatch) -> None:
        """Return once it is on disk, or is known not to get there for now."""
        self._waiting.add(batch)
        if self._flight is None:
            if self._clock.now().mono < self._retry_mono:
                return
            self._flight = asyncio.create_task(self._fly())
        elif self._overdue:
            return
        await self._landed(self._flight)

    async def _landed(self, flight: asyncio.Task[None]) -> None:
        done, _ = await asyncio.wait({flight}, timeout=WRITE_DEADLINE_S)
        if not done:
            self._overdue = True
            self._condition.failed(f"the disk did not answer in {WRITE_DEADLINE_S} s")

    async def _fly(self) -> None:
        """Write until nothing waits or the disk refuses."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, WriteBatch()
                if not await self._written(batch):
                    return
        finally:
            self._flight = None
            self._overdue = False

    async def _written(self, batch: WriteBatch) -> bool:
        try:
            await self._in_thread(lambda: insert_batch(self._open(), batch))
        except Exception as error:  # noqa: BLE001  whatever it is, nothing may be lost
            self._retry_mono = self._clock.now().mono + RETRY_S
            self._condition.failed(str(error) or type(error).__name__)
            batch.add(self._waiting)
            self._waiting = batch
            return False
        self._condition.worked(batch.dropped)
        return True

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Other work of the writing connection, between two batches. StoreBroken."""
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
        """In the thread. StoreBroken."""
        self._connection = self._connection or self._reopen()
        return self._connection

    def _in_thread(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Write what waits, for at most WRITE_DEADLINE_S, and let go of the file."""
        self._retry_mono = 0.0
        if self._waiting or self._flight is not None:
            await self.write(WriteBatch())
        if self._waiting:
            logger.error("what could not be written to the store is lost now")
        closing = self._in_thread(self._close)
        await asyncio.wait({closing}, timeout=WRITE_DEADLINE_S)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
