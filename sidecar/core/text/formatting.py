"""Times and durations as text for people."""

import math
import re
from datetime import UTC, datetime
from itertools import groupby

ZONE_HEADER = "X-Sidecar-Timezone"
"""Header of API answers: the time zone for times shown to people."""

_FRACTION = re.compile(r"(\d\d:\d\d:\d\d)[.,]\d+")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def format_clock(wall: float) -> str:
    """An instant in UTC, as ``2026-01-02 03:04:05``."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%d %H:%M:%S")


def format_duration(seconds: float) -> str:
    """A duration in its two largest units, as ``2 min 5 s``."""
    remaining_s = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        count, remaining_s = divmod(remaining_s, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def whole_seconds(from_wall: float, until_wall: float) -> int:
    """Seconds between two instants, each truncated to a whole second."""
    return max(0, math.floor(until_wall) - math.floor(from_wall))


def median(values: tuple[float, ...]) -> float | None:
    """The median; None: there are no values."""
    if not values:
        return None
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2


def fold_repeated_lines(log: str) -> str:
    """Shorten a log for people: times to the second, and repeated lines as one.

    Lines repeat that differ in their times alone; ``(x5)`` follows the first of them.
    """
    lines = _FRACTION.sub(r"\1", log).splitlines()
    runs = (list(run) for _, run in groupby(lines, lambda s: _STAMP.sub("", s)))
    return "\n".join(
        f"{run[0]} (x{len(run)})" if len(run) > 1 else run[0] for run in runs
    )


_MINUTE = 60
_HOUR = 3600


def format_wait(seconds: float) -> str:
    """A waiting time as text."""
    return " ".join(split_wait(seconds))


def split_wait(seconds: float) -> tuple[str, str]:
    """The number of a waiting time and its unit: ``s``, ``min`` or ``h``."""
    whole = max(0, round(seconds))
    if whole < 2 * _MINUTE:
        return str(whole), "s"
    if whole < 2 * _HOUR:
        return str(whole // _MINUTE), "min"
    return f"{whole / _HOUR:.1f}", "h"


def rfc3339(wall: float) -> str:
    """An instant in UTC to the millisecond, as ``2026-01-02T03:04:05.678Z``."""
    text = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
