"""The periods of maintenance windows, and the loop that keeps them current."""

import asyncio
from collections.abc import Iterator
from itertools import islice

from sidecar.core.model.maintenance_window import WindowPeriod, WindowSettings
from sidecar.core.model.task_event import WindowsPlanned
from sidecar.core.ports.loop import Clock, Post
from sidecar.schedule.cron import times

COMING_PERIODS = 10
"""Number of the periods of each window that are known beforehand."""

LOOK_EVERY_S = 60.0


def find_periods(
    windows: tuple[WindowSettings, ...], now_wall: float
) -> tuple[WindowPeriod, ...]:
    """The periods that last now, and the next ones of each window, in order.

    A window of a fixed time begins once on each day of its time zone, also on days
    when the clock changes; it lasts as long as the settings say, in elapsed time.
    """
    return tuple(
        sorted(period for window in windows for period in _periods(window, now_wall))
    )


def _periods(window: WindowSettings, now_wall: float) -> Iterator[WindowPeriod]:
    begins = times(window.cron, window.timezone, now_wall - window.duration_s)
    for begin_wall in islice(begins, COMING_PERIODS):
        end_wall = begin_wall + window.duration_s
        yield WindowPeriod(begin_wall, end_wall, window.targets)


class WindowPlanner:
    """Posts the periods of the windows in force whenever others are to be known."""

    def __init__(self, clock: Clock, post: Post) -> None:
        self._clock = clock
        self._post = post
        self._windows: tuple[WindowSettings, ...] = ()
        self._periods: tuple[WindowPeriod, ...] = ()
        self._changed = asyncio.Event()

    def set_windows(self, windows: tuple[WindowSettings, ...]) -> None:
        """Put windows in force, at once."""
        self._windows = windows
        self._update()
        self._changed.set()

    async def run(self) -> None:
        """Keep the periods current, until cancelled."""
        while True:
            self._changed.clear()
            self._update()
            try:
                async with asyncio.timeout(LOOK_EVERY_S if self._windows else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _update(self) -> None:
        now = self._clock.now()
        periods = find_periods(self._windows, now.wall)
        if periods != self._periods:
            self._periods = periods
            self._post(WindowsPlanned(now, periods))
