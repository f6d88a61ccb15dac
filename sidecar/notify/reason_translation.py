"""Reasons in another language.

A reason is one English text wherever it is kept: logs, journal, API, and facts that
were stored before anybody knew the receiver's language. It is made of few sentences,
so it is read back by them: each msgid of a catalogue is a sentence with placeholders.
What is not ours, or not known, is quoted as it is.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

MOST_CHARACTERS = 1000

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_SENTENCES = frozenset({"why", "reason", "time", "action", "because", "advice"})
"""Placeholders for what is translated in turn; others are taken over as they are."""

_OTHERS_WORDS = "said"
_SHAPES: Mapping[str, str] = {
    "n": r"-?[\d.]+",
    "m": r"-?[\d.]+",
    "k": r"\d+",
    "status": r"\d{3}",
    "method": r"\w+",
    "action": r"start|restart|load_wallet|stop",
    "time": r"[\d.]+ (?:s|min|h)",
    "theirs": r"[\w., -]+",
    "ours": r"[\w., -]+",
    "names": r"[\w., -]+",
    _OTHERS_WORDS: r".*",
}
_SENTENCE = r".+"
_NAME = r"\S+"


class _Phrase(NamedTuple):
    english: re.Pattern[str]
    theirs: str
    letters: int
    quotes: bool


class _Translation(NamedTuple):
    """A translation; ``whole``: nothing of it had to be quoted for not being known."""

    text: str
    whole: bool


class ReasonTranslator:
    """English reasons in the language of ``phrases``, sentence by sentence."""

    def __init__(self, phrases: Mapping[str, str]) -> None:
        found = (_phrase(english, theirs) for english, theirs in phrases.items())
        # Others' words go to the end of a text: what of ours follows is read before.
        # Then the most literal first.
        self._phrases = sorted(
            found, key=lambda phrase: (phrase.quotes, -phrase.letters)
        )

    def __call__(self, reason: str) -> str:
        """In their language; quoted where no sentence of it is known."""
        return self._read(reason[:MOST_CHARACTERS], {}).text if reason else ""

    def _read(self, english: str, known: dict[str, _Translation]) -> _Translation:
        """``known``: what was read already, for each part is read once."""
        if english not in known:
            known[english] = self._best(english, known)
        return known[english]

    def _best(self, english: str, known: dict[str, _Translation]) -> _Translation:
        best = None
        for phrase in self._phrases:
            found = phrase.english.fullmatch(english)
            if found is None:
                continue
            reading = self._filled(phrase, found.groupdict(), known)
            if reading.whole:
                return reading
            best = best or reading
        return best or _Translation(f"“{english}”", whole=False)

    def _filled(
        self, phrase: _Phrase, parts: Mapping[str, str], known: dict[str, _Translation]
    ) -> _Translation:
        read = {k: self._read(v, known) for k, v in parts.items() if k in _SENTENCES}
        texts = {**parts, **{k: reading.text for k, reading in read.items()}}
        whole = all(reading.whole for reading in read.values())
        return _Translation(phrase.theirs.format_map(texts), whole)


def _phrase(english: str, theirs: str) -> _Phrase:
    parts = _PLACEHOLDER.split(english)
    literal, names = parts[::2], parts[1::2]
    groups = (f"(?P<{name}>{_shape(name)})" for name in names)
    pattern = "".join(_interleaved(map(re.escape, literal), groups))
    letters = len("".join(literal))
    return _Phrase(
        re.compile(pattern, re.DOTALL), theirs, letters, _OTHERS_WORDS in names
    )


def _shape(name: str) -> str:
    return _SHAPES.get(name, _SENTENCE if name in _SENTENCES else _NAME)


def _interleaved(texts: Iterable[str], groups: Iterable[str]) -> Iterable[str]:
    between = iter(groups)
    for text in texts:
        yield text
        yield next(between, "")
