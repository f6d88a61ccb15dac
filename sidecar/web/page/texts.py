"""Words, times and reasons of the page in one language."""

import re
from datetime import datetime

from sidecar.core.ports.page_texts import LanguageTexts
from sidecar.core.reason.reason import Reason
from sidecar.core.text.formatting import rfc3339
from sidecar.core.text.printable import on_one_line
from sidecar.core.text.time_texts import Times

MAX_CHARACTERS = 400
"""Length limit of a sentence that may quote a daemon."""

_WHOLE = 0.99995
_END = re.compile(r"[.!?:]$")
_WORD = re.compile(r"[a-z]+(?![\w.-])")


class PageTexts:
    """Writes the page's texts; ``language`` is its code."""

    def __init__(self, language: str, source: LanguageTexts) -> None:
        self.language = language
        self.zone = source.zone
        self.describe = source.describe
        self._words = source.words
        self._times = Times(source.words, source.zone)

    def __call__(self, key: str, **values: object) -> str:
        """A text of the page; KeyError: no such text."""
        return self._words(f"page.{key}", **{k: str(v) for k, v in values.items()})

    def problem(self, cause: str) -> str:
        """The problem of a cause, as a sentence."""
        return sentence(self._words(f"problem.{cause}"))

    def action(self, action: str) -> str:
        """A remedy in a word or two."""
        return self(f"decision.{action}")

    def outcome(self, outcome: str) -> str:
        """The outcome of a remedy."""
        return self._words(f"helped.{outcome}")

    def reason(self, reason: Reason) -> str:
        """A reason as a sentence; text from others in it is printable and bounded."""
        if not reason:
            return ""
        text = self._times.in_words(self._words.write_reason(reason))
        return sentence(self.foreign(text))

    def foreign(self, text: str) -> str:
        """Text that may come from others: printable, on one line, bounded."""
        return on_one_line(self._times.in_zone(text))[:MAX_CHARACTERS]

    def clock(self, wall: float, now_wall: float) -> str:
        """An instant: the time of day alone where it is the day of ``now_wall``."""
        at, now = (datetime.fromtimestamp(w, self.zone) for w in (wall, now_wall))
        if at.date() == now.date():
            return f"{at:%H:%M:%S}"
        return f"{at:%Y-%m-%d %H:%M}" if at.year != now.year else f"{at:%m-%d %H:%M}"

    def full(self, wall: float) -> str:
        """Date, time and offset."""
        return self._times.full(wall)

    def duration(self, seconds: float) -> str:
        """A duration in words, days included."""
        days = int(seconds // 86_400)
        if days >= 1:
            return self("days", days=days, hours=int(seconds % 86_400 // 3600))
        return self._times.duration(max(0.0, seconds))

    def share(self, value: float | None) -> str:
        """An availability in per cent; 100 % only where nothing is missing."""
        if value is None:
            return ""
        if value >= _WHOLE:
            return "100 %" if value >= 1.0 else "99.99 %"
        return f"{int(value * 10_000) / 100:.2f} %"


def sentence(text: str) -> str:
    """The text with a full stop, and a capital letter where it begins with a word.

    A name such as ``electron-cash`` stays as it is.
    """
    if not text:
        return ""
    if _WORD.match(text):
        text = text[0].upper() + text[1:]
    return text if _END.search(text) else f"{text}."


def machine_time(wall: float) -> str:
    """An instant for the attribute ``datetime``."""
    return rfc3339(wall)


def dom_id(name: str) -> str:
    """A name as part of an id of the page: letters, digits and hyphens."""
    return "".join(
        c if c.isascii() and (c.isalnum() or c == "-") else f"_{ord(c):x}_"
        for c in name
    )
