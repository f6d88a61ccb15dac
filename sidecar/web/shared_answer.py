"""An answer that is made once for all who ask while an earlier one is being made."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sidecar.web.kept_value import MAKE_DEADLINE_S, ignore_failure

T = TypeVar("T")


class SharedAnswer(Generic[T]):
    """At most one answer is being made, and one waits to be made.

    An answer shows the time after its request: one that is being made already is not
    given to a later request. A client that leaves does not end it.
    """

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._is_making = asyncio.Lock()
        self._next: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The answer. Raises what ``make`` raised; TimeoutError after the deadline."""
        if self._next is None:
            self._next = asyncio.create_task(self._make_next())
            self._next.add_done_callback(ignore_failure)
        return await asyncio.shield(self._next)

    async def _make_next(self) -> T:
        async with self._is_making:
            self._next = None
            async with asyncio.timeout(MAKE_DEADLINE_S):
                return await self._make()
