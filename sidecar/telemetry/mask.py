"""Secrets out of any text that leaves us: logs, records, evidence, answers."""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote

SHORTEST_SECRET = 4
"""Shorter values would blot out half of every line, and protect nothing."""

HIDDEN = "***"

_NAMES = "password|passwd|passphrase|pwd|token|secret|api[_-]?key|private[_-]?key|seed"
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'&,;}]+)"""
_PATTERNS = (
    # user:password@ in an address
    (re.compile(r"(://[^\s/@:]*:)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    # Authorization: Basic ..., before the next one takes its first word
    (re.compile(r"(?i)\b(basic|bearer)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    # password=..., "token": "..."
    (
        re.compile(rf"""(?i)([\w-]*(?:{_NAMES})["']?\s*[=:]\s*){_VALUE}"""),
        rf"\1{HIDDEN}",
    ),
    # --password ..., as in a list of processes
    (re.compile(rf"(?i)(--?[\w-]*(?:{_NAMES})\s+){_VALUE}"), rf"\1{HIDDEN}"),
)


class Mask:
    """Replaces known secrets, and whatever looks like one, by ``***``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these as well from now on."""
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        new = {form for secret in known for form in _forms(secret)} - self._forms
        if not new:
            return
        self._forms |= new
        # The longest first: one secret may begin with another.
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text


def _forms(secret: str) -> tuple[str, ...]:
    """How a secret is written: as it is, in an address, in base64."""
    coded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return (secret, quote(secret, safe=""), coded)
