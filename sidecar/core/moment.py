"""Time as an argument: every rule is told what time it is."""

from typing import NamedTuple


class Moment(NamedTuple):
    """One instant on both clocks.

    ``mono`` (seconds, arbitrary zero) measures intervals and never steps;
    ``wall`` (seconds since the Unix epoch) is for schedules and records.
    """

    mono: float
    wall: float
