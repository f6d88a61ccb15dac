"""A loop's time that hardly passes while this process does not run.

For tests with short timeouts whose other side is in the same process: a stall would
use up a timeout in which nothing could happen.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

TICK_S = 0.02
STEP_S = 0.05
"""The loop looks at its time at each tick: a longer step was a stall."""


class SteadyTime:
    """Time of a loop without its stalls: no step is longer than ``STEP_S``."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._seen = time()
        self._stalled_s = 0.0

    def __call__(self) -> float:
        now = self._time()
        self._stalled_s += max(0.0, now - self._seen - STEP_S)
        self._seen = now
        return now - self._stalled_s


@asynccontextmanager
async def keep_time_steady() -> AsyncIterator[None]:
    """Take the stalls out of the running loop's time."""
    loop = asyncio.get_running_loop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "time", SteadyTime(loop.time))
        ticking = asyncio.create_task(_tick())
        try:
            yield
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking


async def _tick() -> None:
    while True:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(TICK_S)
