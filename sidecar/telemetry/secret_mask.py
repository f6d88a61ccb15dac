"""Secrets out of any text that leaves us: logs, records, evidence, answers."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from sidecar.core.text.printable import printable
from sidecar.telemetry.secret_encodings import SecretEncodings, all_spans, forms
from sidecar.telemetry.secret_shapes import shape_spans

SHORTEST_SECRET = 4
"""Shorter values would blot out half of every line, and protect nothing."""

HIDDEN = "***"

LONGEST = 262_144
"""Characters that are looked at; what sends us texts is bounded below that."""

MARGIN = 8192
"""So much of a text that was cut is dropped: it may end in the middle of a secret."""

SHORT, SHORT_KEPT = 100, 512
"""Names, states and causes come again and again: they are looked at once."""

Span = tuple[int, int]


class Mask:
    """Replaces known secrets, and whatever looks like one, by ``***``.

    What it returns is printable, too. The time is linear in the text, about a
    millisecond for 16 kB: from some kilobytes on call it in a thread.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._learnt: set[str] = set()
        self._known: tuple[SecretEncodings, ...] = ()
        self._short = lru_cache(SHORT_KEPT)(self._masked)
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these as well from now on."""
        new = {s for s in secrets if len(s) >= SHORTEST_SECRET} - self._learnt
        if new:
            self._learnt |= new
            self._known += tuple(form for secret in new for form in forms(secret))
            self._short.cache_clear()

    def __call__(self, text: str) -> str:
        """The text without secrets, whole up to LONGEST."""
        return self._short(text) if len(text) <= SHORT else self.cut(text, LONGEST)

    def _masked(self, text: str) -> str:
        return self.cut(text, LONGEST)

    def cut(self, text: str, most: int) -> str:
        """The beginning of the text without secrets, at most about ``most`` characters.

        Masked first and cut afterwards, so that no part of a secret is left.
        """
        looked_at = printable(text[: most + MARGIN])
        spans = self._spans(looked_at)
        if len(text) <= most:
            return _hide(looked_at, spans, len(looked_at))
        return f"{_hide(looked_at, spans, most)} ({len(text) - most} more)"

    def _spans(self, text: str) -> list[Span]:
        lower = text.lower()
        if len(lower) != len(text):
            # The one letter that is two when small.
            lower = text.replace("\u0130", "i").lower()
        found = [*all_spans(self._known, text, lower), *shape_spans(text, lower)]
        return sorted(found)


def _hide(text: str, spans: Iterable[Span], end: int) -> str:
    return "".join(_pieces(text, spans, end))


def _pieces(text: str, spans: Iterable[Span], end: int) -> Iterator[str]:
    """The text up to ``end``, or to the end of the secret that stands there."""
    done = 0
    for start, stop in spans:
        if start >= end:
            break
        if start >= done:
            yield text[done:start]
            yield HIDDEN
        done = max(done, stop)
    yield text[done:end]
