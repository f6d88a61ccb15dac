"""Time as an argument: every rule is told what time it is."""

import math
from datetime import UTC, datetime
from typing import NamedTuple


class Moment(NamedTuple):
    """One instant on both clocks.

    ``mono`` (seconds, arbitrary zero) measures intervals and never steps;
    ``wall`` (seconds since the Unix epoch) is for schedules and records.
    """

    mono: float
    wall: float


def rfc3339(wall: float) -> str:
    """An instant in UTC to the millisecond, as ``2026-01-02T03:04:05.678Z``."""
    text = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def whole_seconds(from_wall: float, until_wall: float) -> int:
    """How long it is between two instants as people see them: without fractions."""
    return max(0, math.floor(until_wall) - math.floor(from_wall))
