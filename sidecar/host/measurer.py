"""Repeated measurement of the host, as events."""

import asyncio

from sidecar.core.model.host_event import HostMeasured
from sidecar.core.ports.loop import Clock, Post
from sidecar.host.measurement import HostReader

MEASURE_EVERY_S = 15.0


async def measure_host(
    reader: HostReader, clock: Clock, post: Post, every_s: float = MEASURE_EVERY_S
) -> None:
    """Measure until cancelled. In a thread: a lost disk lets the reader wait."""
    while True:
        measurement = await asyncio.to_thread(reader.read)
        post(HostMeasured(clock.now(), measurement))
        await asyncio.sleep(every_s)
