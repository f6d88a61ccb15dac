"""Times in messages: in one zone, with its offset; durations in words."""

import math
import re
from datetime import datetime, tzinfo

from sidecar.core.model.moment import whole_seconds
from sidecar.notify.message_catalog import MessageCatalog

_MINUTE_S = 60
_LONG = re.compile(r"(?<![\w.-])(\d{3,6})(?:\.0)?(?: s\b|초)")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


class Times:
    """Of one zone, in one language."""

    def __init__(self, words: MessageCatalog, zone: tzinfo) -> None:
        self._words = words
        self._zone = zone

    def full(self, wall: float) -> str:
        """As ``2026-01-02 12:04:05 +09:00``."""
        at = datetime.fromtimestamp(wall, self._zone)
        offset = f"{at:%z}"
        return f"{at:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]}"

    def beside(self, wall: float, other: float) -> str:
        """The time alone where it is the day of ``other``, which is told in full."""
        at, then = (datetime.fromtimestamp(w, self._zone) for w in (wall, other))
        same = (at.date(), at.utcoffset()) == (then.date(), then.utcoffset())
        return f"{at:%H:%M:%S}" if same else self.full(wall)

    def soon_after(self, wall: float, other: float) -> str:
        """The minute by which what is due at ``wall`` has happened, beside ``other``.

        One more than the next whole one: what is due begins at a turn, and is sent.
        """
        later = (math.ceil(wall / _MINUTE_S) + 1) * _MINUTE_S
        told = self.beside(later, other)
        return re.sub(r"(\d\d:\d\d):00", r"\1", told, count=1)

    def in_zone(self, text: str) -> str:
        """A text in which each instant of ours, in UTC, is told in the zone."""
        return _INSTANT.sub(lambda found: self._told(found.group()), text)

    def _told(self, instant: str) -> str:
        return self.full(datetime.fromisoformat(instant).timestamp())

    def in_words(self, text: str) -> str:
        """A text in which each long time in seconds is told as people count it."""
        return _LONG.sub(lambda found: self._span(found.group(1)), text)

    def _span(self, seconds: str) -> str:
        return self.lasted(float(seconds))

    def between(self, from_wall: float, until_wall: float) -> str:
        """How long it is between two instants, as they are told: in whole seconds."""
        return self.lasted(whole_seconds(from_wall, until_wall))

    def lasted(self, seconds: float) -> str:
        """A duration, as ``2 min 5 s``."""
        minutes, rest = divmod(int(seconds), _MINUTE_S)
        hours, minutes = divmod(minutes, _MINUTE_S)
        if hours:
            return self._words("time.hours", hours=str(hours), minutes=str(minutes))
        if minutes:
            return self._words("time.minutes", minutes=str(minutes), seconds=str(rest))
        return self._words("time.seconds", seconds=str(rest))
