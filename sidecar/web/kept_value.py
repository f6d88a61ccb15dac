"""A value that is made at most once in a while, however many requests ask for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sidecar.core.ports.loop import Clock

MAKE_DEADLINE_S = 60.0
FAILURE_KEPT_S = 10.0

T = TypeVar("T")


class KeptValue(Generic[T]):
    """Keeps the value of ``make`` for ``keep_s``, a failure for FAILURE_KEPT_S.

    The value is made by a task of its own: all requests wait for the same one, and a
    client that leaves does not end it.
    """

    def __init__(
        self, make: Callable[[], Awaitable[T]], clock: Clock, keep_s: float
    ) -> None:
        self._make = make
        self._clock = clock
        self._keep_s = keep_s
        self._task: asyncio.Task[T] | None = None
        self._until_mono = 0.0

    async def get(self) -> T:
        """The value. Raises what ``make`` raised; TimeoutError after the deadline."""
        task = self._task
        if task is None or (task.done() and self._is_old()):
            task = self._task = asyncio.create_task(self._make_in_time())
            task.add_done_callback(ignore_failure)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop making the value."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _is_old(self) -> bool:
        return self._clock.now().mono >= self._until_mono

    async def _make_in_time(self) -> T:
        kept_s = min(FAILURE_KEPT_S, self._keep_s)
        try:
            async with asyncio.timeout(MAKE_DEADLINE_S):
                value = await self._make()
            kept_s = self._keep_s
            return value
        finally:
            self._until_mono = self._clock.now().mono + kept_s


def ignore_failure(task: asyncio.Task[T]) -> None:
    """Take note of a failure: every client that asked for it may have left."""
    if not task.cancelled():
        task.exception()
