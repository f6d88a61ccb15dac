"""Tries of a remedy in the current outage, and its success statistics."""

from dataclasses import dataclass
from enum import StrEnum


class LaneName(StrEnum):
    """Retry stage of a target; public names."""

    FAST = "fast"
    SLOW = "slow"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True, slots=True)
class Lane:
    """The tries since the target was last seen healthy.

    ``spent`` holds the times of the fast lane's tries; ``not_before`` is the earliest
    time of the next try. ``unsent``: number of tries in a row that were not sent.
    """

    name: LaneName = LaneName.FAST
    spent: tuple[float, ...] = ()
    slow_tries: int = 0
    not_before: float = 0.0
    unsent: int = 0

    @property
    def tries(self) -> int:
        """Tries since the target was last healthy."""
        return len(self.spent) + self.slow_tries


@dataclass(frozen=True, slots=True)
class RemedyStats:
    """Statistics of one remedy for one cause.

    ``outages`` counts outages whose first try was this remedy for this cause; of a
    recreate, which comes after other tries, all outages in which it was tried.
    """

    tries: int = 0
    outages: int = 0
    recovered: int = 0
    seconds: tuple[float, ...] = ()
    """Durations of the last recoveries."""
