"""An answer that is made once for all who ask while an earlier one is being made."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, TypeVarTuple

from sidecar.web.kept_value import MAKE_DEADLINE_S, ignore_failure

T = TypeVar("T")
Asked = TypeVarTuple("Asked")


class SharedAnswer(Generic[T, *Asked]):
    """At most one answer is being made, and one for each question waits to be made.

    The question is what ``make`` takes, which must be hashable.

    An answer shows the time after its request: one that is being made already is not
    given to a later request. A client that leaves does not end it.
    """

    def __init__(self, make: Callable[[*Asked], Awaitable[T]]) -> None:
        self._make = make
        self._is_making = asyncio.Lock()
        self._next: dict[tuple[object, ...], asyncio.Task[T]] = {}

    async def get(self, *asked: *Asked) -> T:
        """The answer. Raises what ``make`` raised; TimeoutError after the deadline."""
        if asked not in self._next:
            task = asyncio.create_task(self._make_next(*asked))
            task.add_done_callback(ignore_failure)
            self._next[asked] = task
        return await asyncio.shield(self._next[asked])

    async def _make_next(self, *asked: *Asked) -> T:
        async with self._is_making:
            del self._next[asked]
            async with asyncio.timeout(MAKE_DEADLINE_S):
                return await self._make(*asked)
