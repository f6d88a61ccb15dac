"""Tries of a remedy, and how often it helped, as they are remembered."""

from dataclasses import dataclass
from enum import StrEnum


class LaneName(StrEnum):
    """Where a target stands; public names."""

    FAST = "fast"
    SLOW = "slow"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True, slots=True)
class Lane:
    """The tries since the target was last seen healthy.

    ``spent`` holds the times of the fast lane's tries; ``not_before`` is when
    the next try may begin. ``unsent``: so many in a row could not be sent.
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
    """How often one remedy was tried against one cause, and helped.

    ``outages`` are those that began with it: one bad night is a single one.
    """

    tries: int = 0
    outages: int = 0
    recovered: int = 0
    seconds: tuple[float, ...] = ()
    """How long the last recoveries took."""
