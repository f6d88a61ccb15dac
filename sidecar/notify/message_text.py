"""A message's text, and its shortening to the limit of a receiver."""

from collections.abc import Callable
from typing import NamedTuple

from sidecar.core.model.message import Message

_CUT = "..."
_LAST_LINES = 4
"""The links, the blank line and the id, by which people answer and compare."""
_WORD = 60
"""Characters before a cut in which the end of a line or of a word is looked for."""

Measure = Callable[[str], int]


class Text(NamedTuple):
    """A message in the receiver's language."""

    title: str
    body: str


Render = Callable[[Message], Text]


def size_in_utf8(text: str) -> int:
    """The text's size in bytes."""
    return len(text.encode())


def size_in_utf16(text: str) -> int:
    """The text's size in units of 16 bits, in which Telegram counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def shorten(text: str, most: int, measure: Measure) -> str:
    """The text, at most ``most`` long: what is cut are lines before its last ones."""
    if measure(text) <= most:
        return text
    lines = text.split("\n")
    for count in (_LAST_LINES, 1):
        end = "\n".join([_CUT, *lines[-count:]])
        room = most - measure(end) - 1
        if room > most // 2:
            head = _cut("\n".join(lines[:-count]), room, measure)
            return f"{head}\n{end}"
    return _cut(text, most, measure)


def _cut(text: str, most: int, measure: Measure) -> str:
    """The beginning of the text, up to the end of a line or a word if one is near."""
    low, high = 0, min(len(text), max(most, 0))
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle]) <= most:
            low = middle
        else:
            high = middle - 1
    if low == len(text):
        return text
    nearest = max(text.rfind(end, max(0, low - _WORD), low) for end in "\n ")
    return text[: nearest if nearest > 0 else low].rstrip()
