"""Periodic work: monitored time, retention, the garbage collector."""

import asyncio
import gc
from collections.abc import Callable

from loguru import logger

from sidecar.core.ports.loop import Clock
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.storage.store import SqliteStore

ALIVE_EVERY_S = 10.0
PRUNE_EVERY_S = 86_400.0

STARTED_S = (5.0, 10.0, 15.0, 30.0)
"""Waits from the start until all start-up objects exist."""

YOUNG_OBJECTS = 10_000
"""Generation-0 threshold of the garbage collector."""


async def run_housekeeping(
    store: SqliteStore, clock: Clock, retention_s: Callable[[], float]
) -> None:
    """Record every ALIVE_EVERY_S that Sidecar runs, and remove old records once a day.

    Runs until cancelled.
    """
    pruned_mono = -PRUNE_EVERY_S
    while True:
        now = clock.now()
        await store.note_alive(now.wall)
        if now.mono - pruned_mono >= PRUNE_EVERY_S:
            pruned_mono = now.mono
            await _prune(store, now.wall, retention_s())
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


async def _prune(store: SqliteStore, now_wall: float, retention_s: float) -> None:
    try:
        await store.prune(now_wall, retention_s)
    except StoreUnavailable as error:
        logger.warning("old records could not be removed: {}", error)
