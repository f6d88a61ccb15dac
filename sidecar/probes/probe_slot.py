"""When an instance is probed, and what is under way for it."""

import asyncio
from dataclasses import dataclass

from sidecar.core.model.container import Container
from sidecar.core.model.target import Target

OVERDUE_S = 5.0


@dataclass(slots=True)
class ProbeSlot:
    """The schedule of one instance; times are the clock's ``mono``."""

    target: Target
    container: Container
    every_s: float
    due: float
    place: float
    """The place in its interval, from 0 to 1."""
    slackened: bool = False
    """The interval has just grown: the next probe goes to its place at once."""
    hurried: bool = False
    """The next probe does not wait for the end of the interval."""
    is_waiting: bool = False
    """Its probe is due and waits for its turn."""
    ended: float | None = None
    timer: asyncio.TimerHandle | None = None
    flight: asyncio.Task[None] | None = None
    silence: asyncio.TimerHandle | None = None
    """Runs while an answer is awaited."""

    @property
    def is_urgent(self) -> bool:
        """Is a verdict on this instance pending, or a probe wanted at once?"""
        return self.hurried or self.every_s < self.target.cadence.interval_s

    @property
    def allowed_s(self) -> float:
        """The longest that a probe in flight may take."""
        return sum(2 * settings.timeout_s for settings in self.target.probes)

    def is_late(self, now: float) -> bool:
        """Is the start or the end of its probe more than OVERDUE_S late?"""
        allowed = OVERDUE_S + (self.allowed_s if self.flight is not None else 0.0)
        return now - self.due > allowed
