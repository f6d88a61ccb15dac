"""Times for people: in one zone, with its offset; durations in words."""

import math
import re
from collections.abc import Callable
from datetime import datetime, tzinfo

from sidecar.core.text.formatting import whole_seconds

Words = Callable[..., str]
"""A text of the language by its key, with its placeholders filled in."""

_MINUTE_S = 60
_LONG = re.compile(r"(?<![\w.-])(\d{3,6})(?:\.0)?(?: s\b|초)")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


class Times:
    """Times in one zone, in one language."""

    def __init__(self, words: Words, zone: tzinfo) -> None:
        self._words = words
        self._zone = zone

    def full(self, wall: float) -> str:
        """Date, time and offset, as ``2026-01-02 12:04:05 +09:00``."""
        at = datetime.fromtimestamp(wall, self._zone)
        offset = f"{at:%z}"
        return f"{at:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"

    def beside(self, wall: float, other: float) -> str:
        """The time alone if it is the day of ``other``, which is written in full."""
        at, then = (datetime.fromtimestamp(w, self._zone) for w in (wall, other))
        same = (at.date(), at.utcoffset()) == (then.date(), then.utcoffset())
        return f"{at:%H:%M:%S}" if same else self.full(wall)

    def soon_after(self, wall: float, other: float) -> str:
        """The minute by which a message due at ``wall`` has come, beside ``other``.

        It is one after the next whole minute: a step begins it, then it is sent.
        """
        later = (math.ceil(wall / _MINUTE_S) + 1) * _MINUTE_S
        text = self.beside(later, other)
        return re.sub(r"(\d\d:\d\d):00", r"\1", text, count=1)

    def in_zone(self, text: str) -> str:
        """The text with each of our UTC instants converted to the zone."""
        return _INSTANT.sub(lambda match: self._write_instant(match.group()), text)

    def _write_instant(self, instant: str) -> str:
        return self.full(datetime.fromisoformat(instant).timestamp())

    def in_words(self, text: str) -> str:
        """The text with each long time in seconds written as hours and minutes."""
        return _LONG.sub(lambda match: self._span(match.group(1)), text)

    def _span(self, seconds: str) -> str:
        return self.duration(float(seconds))

    def between(self, from_wall: float, until_wall: float) -> str:
        """The duration between two instants as written: in whole seconds."""
        return self.duration(whole_seconds(from_wall, until_wall))

    def duration(self, seconds: float) -> str:
        """A duration, as ``2 min 5 s``."""
        minutes, rest = divmod(int(seconds), _MINUTE_S)
        hours, minutes = divmod(minutes, _MINUTE_S)
        if hours:
            return self._words("time.hours", hours=str(hours), minutes=str(minutes))
        if minutes:
            return self._words("time.minutes", minutes=str(minutes), seconds=str(rest))
        return self._words("time.seconds", seconds=str(rest))
