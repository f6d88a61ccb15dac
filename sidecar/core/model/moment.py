"""Time as an argument: rules never read a clock."""

from typing import NamedTuple


class Moment(NamedTuple):
    """One instant on both clocks.

    ``mono`` (seconds, arbitrary zero) measures intervals and never steps;
    ``wall`` (seconds since the Unix epoch) is for schedules and records.
    """

    mono: float
    wall: float
