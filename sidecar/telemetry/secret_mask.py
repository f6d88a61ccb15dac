"""Hide secrets in every text that leaves Sidecar: logs, records, evidence, answers."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from sidecar.core.text.printable import printable
from sidecar.telemetry.secret_encodings import SecretEncodings, all_spans, forms
from sidecar.telemetry.secret_shapes import shape_spans

SHORTEST_SECRET = 4
"""Hiding shorter values would hide half of every line, and protect nothing."""

HIDDEN = "***"

LONGEST = 262_144
"""Characters that are searched; all sources of texts are bounded below that."""

MARGIN = 8192
"""Characters searched beyond a cut: the cut may be in the middle of a secret."""

SHORT, SHORT_KEPT = 100, 512
"""Short texts, such as names, states and causes, are repeated: they are cached."""

Span = tuple[int, int]


class Mask:
    """Replaces known secrets, and texts that look like one, by ``***``.

    The result is printable, too. The time is linear in the text, about a
    millisecond for 16 kB: from some kilobytes on call it in a thread.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._learnt: set[str] = set()
        self._known: tuple[SecretEncodings, ...] = ()
        self._short = lru_cache(SHORT_KEPT)(self._mask_whole)
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these secrets as well from now on."""
        new = {s for s in secrets if len(s) >= SHORTEST_SECRET} - self._learnt
        if new:
            self._learnt |= new
            self._known += tuple(form for secret in new for form in forms(secret))
            self._short.cache_clear()

    def __call__(self, text: str) -> str:
        """The text without secrets, whole up to LONGEST."""
        return self._short(text) if len(text) <= SHORT else self.cut(text, LONGEST)

    def _mask_whole(self, text: str) -> str:
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
            # The only letter that becomes two in lower case.
            lower = text.replace("\u0130", "i").lower()
        spans = [*all_spans(self._known, text, lower), *shape_spans(text, lower)]
        return sorted(spans)


def _hide(text: str, spans: Iterable[Span], end: int) -> str:
    return "".join(_pieces(text, spans, end))


def _pieces(text: str, spans: Iterable[Span], end: int) -> Iterator[str]:
    """The text up to ``end``, or to the end of the secret that stands there."""
    position = 0
    for start, stop in spans:
        if start >= end:
            break
        if start >= position:
            yield text[position:start]
            yield HIDDEN
        position = max(position, stop)
    yield text[position:end]
