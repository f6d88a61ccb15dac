"""Periodic work: monitored time."""

import asyncio

from sidecar.core.ports.loop import Clock
from sidecar.storage.store import SqliteStore

ALIVE_EVERY_S = 10.0


async def note_alive(store: SqliteStore, clock: Clock) -> None:
    """Record every ALIVE_EVERY_S that Sidecar runs. Runs until cancelled."""
    while True:
        await store.note_alive(clock.now().wall)
        await asyncio.sleep(ALIVE_EVERY_S)
