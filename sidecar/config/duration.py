"""Durations in the file's notation: ``500ms``, ``15s``, ``2m``, ``6h``, ``90d``."""

import re

PATTERN = r"^[0-9]{1,6}(ms|s|m|h|d)$"
PATTERN_ABOVE_ZERO = r"^0{0,5}[1-9][0-9]{0,5}(ms|s|m|h|d)$"

_PARTS = re.compile(r"([0-9]+)(ms|s|m|h|d)")
_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


def parse_seconds(text: str) -> float:
    """The duration in seconds. ValueError if ``text`` is no duration."""
    parts = _PARTS.fullmatch(text.strip())
    if parts is None:
        raise ValueError("not a duration")
    return int(parts[1]) * _MILLISECONDS[parts[2]] / 1000


def format_seconds(duration_s: float) -> str:
    """A duration, rounded to milliseconds, in the largest unit that divides it."""
    total = round(duration_s * 1000)
    if total == 0:
        return "0s"
    unit = next(unit for unit, size in _MILLISECONDS.items() if total % size == 0)
    return f"{total // _MILLISECONDS[unit]}{unit}"
