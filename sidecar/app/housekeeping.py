"""Periodic work: monitored time, the garbage collector."""

import asyncio
import gc

from sidecar.core.ports.loop import Clock
from sidecar.storage.store import SqliteStore

ALIVE_EVERY_S = 10.0

STARTED_S = (5.0, 10.0, 15.0, 30.0)
"""Waits from the start until the start-up objects of most stacks exist."""

LATER_S = (60.0, 120.0)
"""Waits until those of 10,000 targets exist, which take minutes to be healthy."""

YOUNG_OBJECTS = 10_000
"""Generation-0 threshold of the garbage collector."""

YOUNG_GENERATIONS = 1
"""The oldest generation that a late collection looks at."""


async def note_alive(store: SqliteStore, clock: Clock) -> None:
    """Record every ALIVE_EVERY_S that Sidecar runs. Runs until cancelled."""
    while True:
        await store.note_alive(clock.now().wall)
        await asyncio.sleep(ALIVE_EVERY_S)


async def freeze_startup_objects() -> None:
    """Exclude the start-up objects from later garbage collections.

    A collection of all objects would block the loop: for 60 ms with a thousand targets,
    for 250 ms with 10,000 targets. Several small ones take their place; the last are of
    young objects alone, so that garbage of the first minutes may stay for ever.
    """
    gc.set_threshold(YOUNG_OBJECTS)
    for wait_s in STARTED_S:
        await asyncio.sleep(wait_s)
        gc.collect()
        gc.freeze()
    for wait_s in LATER_S:
        await asyncio.sleep(wait_s)
        gc.collect(YOUNG_GENERATIONS)
        gc.freeze()
