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
from zoneinfo import ZoneInfo

from cronsim import CronSim

from sidecar.core.model.target import PlannedRestartSettings


def times(cron: str, timezone: str, after_wall: float) -> Iterator[float]:
    """The due times of a cron line after ``after_wall``, in order (Unix seconds)."""
    for moment in _moments(cron, timezone, after_wall):
        yield moment.timestamp()


def due_times(
    target: str, plan: PlannedRestartSettings, after_wall: float
) -> Iterator[float]:
    """The due times of a target's planned restart after ``after_wall``, with jitter.

    They are in order as long as the jitter is shorter than the time between two
    times of the cron line; the configuration ensures that. None without such a line.
    """
    if plan.cron is None:
        return
    for moment in _moments(plan.cron, plan.timezone, after_wall - plan.jitter_s):
        due = moment.timestamp() + plan.jitter_s * _fraction(target, moment.date())
        if due > after_wall:
            yield due


def _moments(cron: str, timezone: str, after_wall: float) -> Iterator[datetime]:
    start = datetime.fromtimestamp(after_wall, UTC).astimezone(ZoneInfo(timezone))
    for moment in CronSim(cron, start):
        # Started inside a repeated hour, cronsim returns a time of its first pass.
        if moment.timestamp() > after_wall:
            yield moment


def _fraction(target: str, day: date) -> float:
    """A number in [0, 1) that differs between targets and is constant for a day."""
    return zlib.crc32(f"{target}/{day.isoformat()}".encode()) / 2**32
