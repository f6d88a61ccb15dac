"""Maintenance windows: their settings, and the periods in which they last."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """A window that begins at the times of a cron line; no ``targets``: all."""

    cron: str
    duration_s: float
    timezone: str = "UTC"
    targets: tuple[str, ...] = ()


class WindowPeriod(NamedTuple):
    """One period of a window (wall clock), the end excluded; no ``targets``: all."""

    begin_wall: float
    end_wall: float
    targets: tuple[str, ...] = ()

    def concerns(self, target: str) -> bool:
        """Is the window for this target?"""
        return not self.targets or target in self.targets

    def includes(self, wall: float) -> bool:
        """Does the period last at this time?"""
        return self.begin_wall <= wall < self.end_wall
