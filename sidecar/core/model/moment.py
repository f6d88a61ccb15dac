"""Time as an argument: rules never read a clock."""

import math
from typing import NamedTuple


class Moment(NamedTuple):
    """One instant on both clocks.

    ``mono`` (seconds, arbitrary zero) measures intervals and never steps;
    ``wall`` (seconds since the Unix epoch) is for schedules and records.
    """

    mono: float
    wall: float


def whole_seconds(from_wall: float, until_wall: float) -> int:
    """Seconds between two instants, each truncated to a whole second."""
    return max(0, math.floor(until_wall) - math.floor(from_wall))
