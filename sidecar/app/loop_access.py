"""Access to the loop for parts that are built before it."""

import asyncio
from collections.abc import Callable

from sidecar.core.model.decision import Decision
from sidecar.core.model.event import Event
from sidecar.core.model.state import State
from sidecar.core.status.maintenance_windows import window_end_wall
from sidecar.watchdog import Watchdog

STALLED_S = 10.0
"""Seconds without a step after which the loop counts as dead."""


class LoopAccess:
    """The present state of the loop, and requests to it; ``watchdog`` returns it."""

    def __init__(self, watchdog: Callable[[], Watchdog]) -> None:
        self._watchdog = watchdog

    def state(self) -> State:
        """The present state."""
        return self._watchdog().state

    def is_in_window(self, target: str, wall: float) -> bool:
        """Is the target in a maintenance window at this time?"""
        return window_end_wall(self.state(), target, wall) is not None

    def stalled_s(self) -> float:
        """Seconds since its last step; more than STALLED_S: it counts as dead."""
        return asyncio.get_running_loop().time() - self._watchdog().last_step_mono

    def post(self, event: Event) -> None:
        """Put an event in the loop's queue."""
        self._watchdog().post(event)

    async def ask(self, event: Event) -> Decision | None:
        """Request something of the loop, as ``Watchdog.ask``. Raises QueueFull."""
        return await self._watchdog().ask(event)
