"""Periodic work: monitored time, the garbage collector."""

import asyncio
import gc

from sidecar.core.ports.loop import Clock
from sidecar.storage.store import SqliteStore

ALIVE_EVERY_S = 10.0

STARTED_S = (1.0,) * 60
"""Waits from the start until the start-up objects of most stacks exist.

Those of 10,000 targets come in the first half minute: one collection of those of 30 s
took 230 ms.
"""

LATER_S = (60.0, 120.0)
"""Waits until those of 10,000 targets exist on a slow machine, after minutes."""

COLLECT_EVERY_S = 3600.0

YOUNG_OBJECTS = 10_000
"""So many new objects make the garbage collector look at them."""

YOUNG_COLLECTIONS = 2
"""So many collections let the next one look at their survivors as well.

With 10,000 targets on a slow machine it took up to 150 ms; with the usual 10, 230 ms.
"""

THRESHOLDS = (YOUNG_OBJECTS, YOUNG_COLLECTIONS, 1_000_000_000)
"""Those of the three generations; the last one is never reached."""

SURVIVORS = 1
"""The generation of the objects that survived a collection."""


async def note_alive(store: SqliteStore, clock: Clock) -> None:
    """Record every ALIVE_EVERY_S that Sidecar runs. Runs until cancelled."""
    while True:
        await store.note_alive(clock.now().wall)
        await asyncio.sleep(ALIVE_EVERY_S)


async def pace_garbage_collector() -> None:
    """Keep the garbage collector from blocking the loop. Runs until cancelled.

    A collection of all objects took 370 ms with 10,000 targets: it comes once every
    COLLECT_EVERY_S, and never by itself. The start-up objects are excluded by several
    small ones. The last of these are of young objects alone, so that garbage of the
    first minutes may stay for ever.
    """
    gc.set_threshold(*THRESHOLDS)
    for wait_s in STARTED_S:
        await asyncio.sleep(wait_s)
        gc.collect()
        gc.freeze()
    for wait_s in LATER_S:
        await asyncio.sleep(wait_s)
        gc.collect(SURVIVORS)
        gc.freeze()
    while True:
        await asyncio.sleep(COLLECT_EVERY_S)
        gc.collect()
