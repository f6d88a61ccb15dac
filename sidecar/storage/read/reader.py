"""Queries of the store: a read-only connection in a thread of its own."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sidecar.core.ports.storage import StoreUnavailable
from sidecar.storage.database import open_for_reading

READ_DEADLINE_S = 10.0
WAITING_QUESTIONS = 32
_STEPS_BETWEEN_LOOKS = 10_000
"""Instructions of SQLite's virtual machine: well under a millisecond."""

T = TypeVar("T")
Query = Callable[[sqlite3.Connection], T]


class Reader:
    """Runs one query at a time; the first query opens the connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "store-read")
        self._connection: sqlite3.Connection | None = None
        self._waiting = 0

    async def ask(self, query: Query[T]) -> T:
        """Run a query. StoreUnavailable: no answer, or none within READ_DEADLINE_S."""
        if self._waiting >= WAITING_QUESTIONS:
            raise StoreUnavailable(
                "too many questions wait for the store: ask again later"
            )
        self._waiting += 1
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + READ_DEADLINE_S
        try:
            async with asyncio.timeout(READ_DEADLINE_S + 1.0):
                return await loop.run_in_executor(
                    self._thread, self._answer, query, deadline
                )
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the store cannot be read: {error}") from error
        except TimeoutError as error:
            raise StoreUnavailable(
                f"the store did not answer in {READ_DEADLINE_S} s"
            ) from error
        finally:
            self._waiting -= 1

    def _answer(self, query: Query[T], deadline: float) -> T:
        if self._connection is None:
            self._connection = open_for_reading(self._path)
        self._connection.set_progress_handler(
            lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS
        )
        return query(self._connection)

    async def close(self) -> None:
        """Close the connection and end the thread."""
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(self._thread, self._close)
        await asyncio.wait({closing}, timeout=READ_DEADLINE_S + 1.0)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
