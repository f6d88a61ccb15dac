"""Long work of the event loop, in pieces between which the rest of Sidecar runs."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

TURN_TARGETS = 50
"""Targets that are looked at before others get their turn: a few milliseconds."""


async def in_turns(items: Iterable[T], size: int = TURN_TARGETS) -> AsyncIterator[T]:
    """The items, with a turn for others after every ``size``."""
    for nth, item in enumerate(items, 1):
        yield item
        if nth % size == 0:
            await asyncio.sleep(0)


async def collect_in_turns(
    items: Iterable[T], size: int = TURN_TARGETS
) -> tuple[T, ...]:
    """All items, made with a turn for others after every ``size``."""
    return tuple([item async for item in in_turns(items, size)])
