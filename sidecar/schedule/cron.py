"""The due times of a cron line. Pure functions: a replay gives the same results.

Rules for a day with a clock change, in the target's time zone:

- a line with fixed minutes and hours (``30 2 * * *``) runs once on every day.
  If spring skips its hour, it runs at the first moment after the gap; if autumn
  repeats its hour, it runs at the first of the two times;
- a line whose minute or hour begins with ``*``, and a line with a field for
  seconds, follows elapsed time: times inside the gap are left out, times inside
  the repeated hour occur twice.
"""

import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim


class CronLine(NamedTuple):
    """A cron line in a time zone; a part of ``jitter_s`` delays each of its times."""

    cron: str
    timezone: str = "UTC"
    jitter_s: float = 0.0


def times(cron: str, timezone: str, after_wall: float) -> Iterator[float]:
    """The due times of a cron line after ``after_wall``, in order (Unix seconds)."""
    for moment in _moments(cron, timezone, after_wall):
        yield moment.timestamp()


def due_times(name: str, line: CronLine, after_wall: float) -> Iterator[float]:
    """The due times of a line after ``after_wall``, with the jitter of its name.

    They are in order as long as the jitter is shorter than the time between two
    times of the cron line; the configuration ensures that.
    """
    for moment in _moments(line.cron, line.timezone, after_wall - line.jitter_s):
        due = moment.timestamp() + line.jitter_s * _fraction(name, moment.date())
        if due > after_wall:
            yield due


def _moments(cron: str, timezone: str, after_wall: float) -> Iterator[datetime]:
    start = datetime.fromtimestamp(after_wall, UTC).astimezone(ZoneInfo(timezone))
    for moment in CronSim(cron, start):
        # Started inside a repeated hour, cronsim returns a time of its first pass.
        if moment.timestamp() > after_wall:
            yield moment


def _fraction(name: str, day: date) -> float:
    """A number in [0, 1) that differs between names and is constant for a day."""
    return zlib.crc32(f"{name}/{day.isoformat()}".encode()) / 2**32
