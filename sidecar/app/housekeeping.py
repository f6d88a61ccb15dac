"""Periodic work: monitored time, the garbage collector."""

import asyncio
import gc

from sidecar.core.ports.loop import Clock
from sidecar.storage.store import SqliteStore

ALIVE_EVERY_S = 10.0

STARTED_S = (5.0, 10.0, 15.0, 30.0)
"""Waits from the start until all start-up objects exist."""

YOUNG_OBJECTS = 10_000
"""Generation-0 threshold of the garbage collector."""


async def note_alive(store: SqliteStore, clock: Clock) -> None:
    """Record every ALIVE_EVERY_S that Sidecar runs. Runs until cancelled."""
    while True:
        await store.note_alive(clock.now().wall)
        await asyncio.sleep(ALIVE_EVERY_S)


async def freeze_startup_objects() -> None:
    """Exclude the start-up objects from later garbage collections.

    A collection of all objects would block the loop: for 60 ms with a thousand targets,
    for 190 ms with 10,000 containers. Several small ones take their place.
    """
    gc.set_threshold(YOUNG_OBJECTS)
    for wait_s in STARTED_S:
        await asyncio.sleep(wait_s)
        gc.collect()
        gc.freeze()
