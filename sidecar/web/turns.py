"""Long work of the event loop, in pieces between which the rest of Sidecar runs."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

TURN_TARGETS = 50
"""Targets that are looked at before others get their turn: a few milliseconds."""


class Turns:
    """One piece of long work in each turn of the loop, however much work there is.

    Answers that are made at the same time take their turns one after the other. If
    each had its own, the loop would be held by all of their pieces at once.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_given = False
        """Does the loop's next turn have its piece?"""

    async def take(self) -> None:
        """Let the rest of Sidecar run, and all who have waited longer for a turn."""
        if not self._is_given:
            self._is_given = True
            try:
                await asyncio.sleep(0)
            finally:
                self._give_next()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        finally:
            # A client that left before its turn has none to give.
            if not turn.cancelled():
                self._give_next()

    def _give_next(self) -> None:
        """Give the next turn of the loop to the one who has waited longest."""
        self._is_given = False
        while self._waiting and not self._is_given:
            turn = self._waiting.popleft()
            if not turn.cancelled():
                turn.set_result(None)
                self._is_given = True

    async def iterate(
        self, items: Iterable[T], size: int = TURN_TARGETS
    ) -> AsyncIterator[T]:
        """The items; every ``size`` of them are made in a turn of their own."""
        iterator = iter(items)
        is_more = True
        while is_more:
            await self.take()
            piece = tuple(islice(iterator, size))
            for item in piece:
                yield item
            is_more = len(piece) == size

    async def collect(
        self, items: Iterable[T], size: int = TURN_TARGETS
    ) -> tuple[T, ...]:
        """All items; every ``size`` of them are made in a turn of their own."""
        return tuple([item async for item in self.iterate(items, size)])
