"""Detects that this host was suspended or this process did not run for a while.

A silence measured in that time is Sidecar's own, not the target's.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

BEAT_S = 0.25
DISTURBED_S = 1.0


class StallSnapshot(NamedTuple):
    """The counters of a StallDetector at one moment."""

    stalls: int
    asleep_s: float


def asleep_s() -> float:
    """Seconds that this host was suspended since it booted."""
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return boot - time.clock_gettime(time.CLOCK_MONOTONIC)


class StallDetector:
    """A loop timer while at least one watch is active; a late beat is a stall."""

    def __init__(self, asleep_s: Callable[[], float] = asleep_s) -> None:
        self._asleep_s = asleep_s
        self._watches = 0
        self._stalls = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> StallSnapshot:
        """Start to watch; ``end`` must follow."""
        self._watches += 1
        if self._timer is None:
            self._schedule(asyncio.get_running_loop())
        elif self._late():
            # A stall that ended just now is not this watch's.
            self._timer.cancel()
            self._beat(asyncio.get_running_loop())
        return StallSnapshot(self._stalls, self._asleep_s())

    def end(self, mark: StallSnapshot) -> Reason:
        """End a watch; returns the disturbance since ``mark``, NO_REASON if none."""
        self._watches -= 1
        stalled = self._stalls > mark.stalls or self._late()
        slept = self._asleep_s() - mark.asleep_s > DISTURBED_S
        if self._watches == 0 and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if slept:
            return Reason.of(R.HOST_ASLEEP)
        return Reason.of(R.PROCESS_STALLED) if stalled else NO_REASON

    def _late(self) -> bool:
        return asyncio.get_running_loop().time() - self._due > DISTURBED_S

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + BEAT_S
        self._timer = loop.call_at(self._due, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._late():
            self._stalls += 1
        self._schedule(loop)
