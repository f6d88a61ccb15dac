"""When a cron line comes due. Pure: the same answers at every replay.

How a day with a clock change is treated, in the target's time zone:

- a line with fixed minutes and hours (``30 2 * * *``) runs once on every day.
  Where the hour is left out in spring it runs at the first moment after the
  gap; where it comes twice in autumn, at the first of the two;
- a line whose minute or hour begins with ``*``, and a line with a field for
  seconds, follows the time that passes: what falls into the gap is left out,
  what falls into the repeated hour comes twice.
"""

import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

from sidecar.core.model.target import PlannedRestartSettings


def times(cron: str, timezone: str, after_wall: float) -> Iterator[float]:
    """When the line comes due after ``after_wall``, in order (Unix seconds)."""
    for moment in _moments(cron, timezone, after_wall):
        yield moment.timestamp()


def due_times(
    target: str, plan: PlannedRestartSettings, after_wall: float
) -> Iterator[float]:
    """When a target's planned restart is due after ``after_wall``, jitter included.

    In order as long as the jitter is shorter than the time between two of the
    line's own times, which the configuration makes sure of.
    """
    for moment in _moments(plan.cron, plan.timezone, after_wall - plan.jitter_s):
        due = moment.timestamp() + plan.jitter_s * _fraction(target, moment.date())
        if due > after_wall:
            yield due


def _moments(cron: str, timezone: str, after_wall: float) -> Iterator[datetime]:
    start = datetime.fromtimestamp(after_wall, UTC).astimezone(ZoneInfo(timezone))
    for moment in CronSim(cron, start):
        # Begun within a repeated hour, cronsim names a time of its first pass.
        if moment.timestamp() > after_wall:
            yield moment


def _fraction(target: str, day: date) -> float:
    """A number in [0, 1) that spreads the targets and is the same all day."""
    return zlib.crc32(f"{target}/{day.isoformat()}".encode()) / 2**32
