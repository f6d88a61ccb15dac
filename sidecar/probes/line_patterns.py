"""Patterns of a ``log`` probe, compiled. Imports re2: only for such a probe."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import re2

from sidecar.core.model.log_sets import (
    LOG_SETS,
    PATTERN_MEMORY_BYTES,
    WALLET_NOTICE,
    WALLET_NOTICE_MARKS,
)
from sidecar.core.model.probe_settings import FieldPattern, LogProbe
from sidecar.core.text.printable import printable

_ESCAPE = b"\x1b"

Search = Callable[[bytes], object]


class _LinePattern(NamedTuple):
    """``name`` is the name of its set, or the pattern as it was written."""

    name: str
    search: Search


class _JsonPattern(NamedTuple):
    name: str
    field: str
    search: Search


class LinePatterns:
    """Finds the pattern that a line matches; each takes linear time."""

    def __init__(self, settings: LogProbe) -> None:
        self._lines: list[_LinePattern] = []
        self._fields: list[_JsonPattern] = []
        for name in settings.sets:
            for pattern in LOG_SETS[name]:
                self._lines.append(_LinePattern(name, _compile(pattern)))
        for wanted in settings.patterns:
            if isinstance(wanted, FieldPattern):
                search = _compile(wanted.matches)
                self._fields.append(_JsonPattern(wanted.name, wanted.field, search))
            else:
                self._lines.append(_LinePattern(wanted, _compile(wanted)))

    def find(self, text: bytes) -> str:
        """Name of the first pattern that the line matches; empty: it matches none.

        Terminal escapes are left out. A field is looked for in a line that is a JSON
        object.
        """
        if _ESCAPE in text:
            text = printable(text.decode(errors="replace")).encode()
        if _is_wallet_notice(text):
            return ""
        for pattern in self._lines:
            if pattern.search(text):
                return pattern.name
        return self._find_field(text) if self._fields else ""

    def _find_field(self, text: bytes) -> str:
        document = _read_object(text)
        for pattern in self._fields if document is not None else ():
            value = _field_of(document, pattern.field)
            if value is not None and pattern.search(value):
                return pattern.name
        return ""


def _compile(pattern: str) -> Search:
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY_BYTES
    options.log_errors = False
    search: Search = re2.compile(pattern, options).search
    return search


def _is_wallet_notice(text: bytes) -> bool:
    return WALLET_NOTICE in text and any(mark in text for mark in WALLET_NOTICE_MARKS)


def _read_object(text: bytes) -> dict[str, object] | None:
    if not text.lstrip().startswith(b"{"):
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _field_of(document: object, field: str) -> bytes | None:
    """The field's value as text; None: there is none.

    ``a.b`` is a key, or ``b`` in ``a``.
    """
    if not isinstance(document, dict):
        return None
    if field in document:
        return _value_text(document[field])
    first, _, rest = field.partition(".")
    return _field_of(document.get(first), rest) if rest else None


def _value_text(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)
