"""The loop that asks a timetable for due times."""

import asyncio
from collections.abc import Callable

from sidecar.core.model.moment import Moment
from sidecar.core.ports.loop import Clock
from sidecar.schedule.timetable import DueTimes, Timetable

LONGEST_SLEEP_S = 30.0
"""Longest time between two questions: clocks step."""

_SHORTEST_SLEEP_S = 0.01


class ScheduleLoop:
    """Takes the due times of ``timetable`` when they come, and hands them over."""

    def __init__(
        self, clock: Clock, hand_over: Callable[[DueTimes, Moment], None]
    ) -> None:
        now = clock.now()
        self.timetable = Timetable(now.wall)
        self.checked_mono = now.mono
        """The time of the last question; at most LONGEST_SLEEP_S ago."""
        self._clock = clock
        self._hand_over = hand_over
        self._changed = asyncio.Event()

    def note_change(self) -> None:
        """Note that the timetable has other lines: a time may come sooner."""
        self._changed.set()

    async def run(self) -> None:
        """Hand over the due times as they come, until cancelled."""
        while True:
            self._changed.clear()
            now = self._clock.now()
            self.checked_mono = now.mono
            for due in self.timetable.take_due(now.wall):
                self._hand_over(due, now)
            await self._sleep(self._clock.now().wall)

    async def _sleep(self, now_wall: float) -> None:
        next_wall = self.timetable.next_wall
        wait_s = LONGEST_SLEEP_S if next_wall is None else next_wall - now_wall
        try:
            async with asyncio.timeout(
                min(max(wait_s, _SHORTEST_SLEEP_S), LONGEST_SLEEP_S)
            ):
                await self._changed.wait()
        except TimeoutError:
            return
