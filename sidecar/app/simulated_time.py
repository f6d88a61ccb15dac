"""The time of a simulation: it passes, and is left out where nothing happens."""

import asyncio
from collections.abc import Callable

from sidecar.core.model.state import State
from sidecar.simulation.steady_state import (
    advance_state,
    find_cycle_s,
    is_quiet,
    is_steady,
)
from sidecar.simulation.virtual_time import LoopClock, VirtualTimeLoop
from sidecar.watchdog import Watchdog

CHECK_S = 30.0
"""Time between two checks whether anything goes on."""
MARGIN_S = 90.0
"""Time before the next act that is not left out: what looks at the clock every minute
sees the new time before the act.
"""


class SimulatedTime:
    """Waits in simulated time.

    ``next_wall`` gives the time of what happens next by itself, inf for never.
    ``on_progress`` gets the present time (``mono``), now and then. Whole cycles in
    which nothing happens are left out, unless ``skips_quiet_time`` is False; what
    happens afterwards, and when, is the same.
    """

    def __init__(
        self,
        watchdog: Watchdog,
        clock: LoopClock,
        next_wall: Callable[[], float],
        on_progress: Callable[[float], None],
        *,
        skips_quiet_time: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self._loop = loop
        self._watchdog = watchdog
        self._clock = clock
        self._next_wall = next_wall
        self._on_progress = on_progress
        self._skips_quiet_time = skips_quiet_time

    async def wait_until(self, at_mono: float) -> None:
        """Wait; the last part is one sleep, as long as without what was left out."""
        before: State | None = None
        while (left_s := at_mono - self._clock.now().mono) > CHECK_S:
            await self._loop.finish_instant()
            before = self._skip_quiet_time(before, at_mono)
            left_s = at_mono - self._clock.now().mono
            await asyncio.sleep(min(CHECK_S, left_s - CHECK_S))
            self._on_progress(self._clock.now().mono)
        await asyncio.sleep(max(0.0, left_s))

    def _skip_quiet_time(self, before: State | None, at_mono: float) -> State | None:
        """The state now, to be compared with that of the next check."""
        state = self._watchdog.state
        if not self._skips_quiet_time or not is_quiet(state):
            return None
        if before is None or not is_steady(before, state):
            return state
        now, cycle_s = self._clock.now(), find_cycle_s(state)
        resumes = (wall for wall in state.paused.values() if wall > now.wall)
        next_wall = min(self._next_wall(), *resumes, now.wall + at_mono - now.mono)
        seconds = (next_wall - now.wall - MARGIN_S) // cycle_s * cycle_s
        if seconds <= 0.0:
            return state
        self._clock.skip(seconds)
        self._watchdog.state = advance_state(state, seconds)
        return None
