"""Find a known secret in every form in which tools write it."""

import base64
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html.entities import html5
from itertools import islice

Span = tuple[int, int]

_PIECE = 16
"""Long codes are searched in pieces: tools break them into lines."""

_SHORTEST_LINE = 8
_LONGEST_PART = 256
_MOST_PARTS = 72
"""18 kB. A larger secret is a file given by mistake, and must not hold up the start."""
_ENDS = ("\n", "\r")
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_HEX = "0123456789abcdef"
_RUNS = re.compile(r"[A-Za-z0-9]+")
_PARTS = re.compile(r"\s+|.", re.DOTALL)
_SPACES = (
    r"(?:[\s+]|%(?:25)*(?:20|0[9aAdD])"
    r"|\\{1,8}(?:[ntr ]|[xu](?:00)?(?:20|0[9aAdD])|0(?:40|1[125]))"
    r"|&(?:amp;)*\#(?:32|10|13|9|[xX](?:20|0?[aAdD9]));)"
)


class SecretEncodings:
    """The encodings of one secret. ``spans`` finds them in linear time."""

    def __init__(self, secret: str) -> None:
        self._anchor = max(_RUNS.findall(secret), key=len, default="")
        self._plain = re.compile("".join(_parts(secret)))
        raw = secret.encode("utf-8", "surrogatepass")
        self._codes = [_Code(raw.hex(), _HEX)]
        self._codes += [_Code(core, _BASE64) for core in _base64_cores(raw)]

    def spans(self, text: str, lower: str) -> Iterator[Span]:
        """Spans of the secret; ``lower`` is the text in lower case."""
        # No tool changes letters and digits: without them the rest need not be tried.
        if self._anchor in text:
            yield from (match.span() for match in self._plain.finditer(text))
        for code in self._codes:
            yield from code.spans(lower if code.alphabet == _HEX else text)


class _Code:
    """The secret in hex or base64, with the characters of the same code beside it."""

    def __init__(self, code: str, alphabet: str) -> None:
        self.alphabet = alphabet
        self._code = code
        starts = range(0, max(1, len(code) - _PIECE + 1), _PIECE)
        self._pieces = tuple((i, code[i : i + _PIECE]) for i in starts)

    def spans(self, text: str) -> Iterator[Span]:
        # A line break may be within one of the two pieces, not within both.
        if any(piece in text for _, piece in self._pieces[:2]):
            for index, piece in self._pieces:
                yield from self._find_spans(index, piece, text)

    def _find_spans(self, index: int, piece: str, text: str) -> Iterator[Span]:
        end = 0
        while (at := text.find(piece, end)) >= 0:
            start = self._begin(text, at, index, end)
            end = self._end(text, at + len(piece), index + len(piece))
            yield start, end

    def _begin(self, text: str, at: int, index: int, least: int) -> int:
        """Start of the code before ``at``, across line breaks within the secret."""
        while index and at > least and text[at - 1] in (self._code[index - 1], *_ENDS):
            at -= 1
            index -= text[at] not in _ENDS
        before = text[least:at]
        return least + len(before.rstrip(self.alphabet))

    def _end(self, text: str, at: int, index: int) -> int:
        """End of the code after ``at``."""
        last = len(self._code)
        while index < last and text[at : at + 1] in (self._code[index], *_ENDS):
            index += text[at] not in _ENDS
            at += 1
        while text[at : at + 1] and text[at] in self.alphabet:
            at += 1
        return at


def forms(secret: str) -> Iterator[SecretEncodings]:
    """The secret, and each of its lines; in the Unicode forms of any system."""
    lines = [line for line in secret.splitlines() if len(line) >= _SHORTEST_LINE]
    pieces = (piece for part in (secret, *lines) for piece in _split_line(part))
    for part in dict.fromkeys(islice(pieces, _MOST_PARTS)):
        spelt = (part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD")))
        yield from map(SecretEncodings, dict.fromkeys(spelt))


def _split_line(secret: str) -> Iterator[str]:
    """Split a long secret, such as a key's file: short patterns are cheaper."""
    rest = secret
    while len(rest) > _LONGEST_PART + _SHORTEST_LINE:
        yield rest[:_LONGEST_PART]
        rest = rest[_LONGEST_PART:]
    yield rest


def _base64_cores(raw: bytes) -> tuple[str, ...]:
    """The parts of the base64 code that do not depend on the bytes around it.

    A byte's code depends on the number of bytes before it: three cases.
    """
    cores: dict[str, None] = {}
    for before in range(3):
        code = base64.b64encode(bytes(before) + raw).decode()
        first, last = math.ceil(before * 8 / 6), (before + len(raw)) * 8 // 6
        core = code[first:last]
        cores |= dict.fromkeys((core, core.replace("+", "-").replace("/", "_")))
    return tuple(cores)


def _parts(secret: str) -> Iterator[str]:
    """A pattern for each character, and one for each run of white space."""
    for part in _PARTS.findall(secret):
        if part.isspace():
            yield f"{_SPACES}{{1,{len(part) + 3}}}"
        elif part.isascii() and part.isalnum():
            yield part
        else:
            yield _written_char(part)


@lru_cache(1024)
def _written_char(char: str) -> str:
    return f"(?:{'|'.join(_writings(char))})"


def _writings(char: str) -> Iterator[str]:
    """The forms in which tools escape one character."""
    if char == "'":
        # A shell closes the quotes, writes it, and opens them again.
        yield from (r"'\"'\"'", r"'\\{1,4}''")
    yield rf"\\{{0,8}}{re.escape(char)}"
    raw, number = char.encode("utf-8", "surrogatepass"), ord(char)
    yield "".join(rf"%(?:25)*{_any_case(f'{byte:02x}')}" for byte in raw)
    yield rf"&(?:amp;)*(?:\#0*{number}|\#[xX]0*{_any_case(f'{number:x}')});"
    names = [name for name, meaning in html5.items() if meaning == char]
    if names:
        yield f"&(?:amp;)*(?:{'|'.join(names)})"
    yield from _escapes(char, raw)


def _escapes(char: str, raw: bytes) -> Iterator[str]:
    """Escapes of JSON, Python and the shell, also nested in each other."""
    slashes = r"\\{1,8}"
    units = char.encode("utf-16-be", "surrogatepass").hex()
    pairs = (units[i : i + 4] for i in range(0, len(units), 4))
    yield "".join(rf"{slashes}u{_any_case(pair)}" for pair in pairs)
    yield rf"{slashes}U{_any_case(f'{ord(char):08x}')}"
    yield rf"{slashes}u\{{0*{_any_case(f'{ord(char):x}')}\}}"
    yield "".join(rf"{slashes}x{_any_case(f'{byte:02x}')}" for byte in raw)
    yield rf"{slashes}x{_any_case(f'{ord(char):02x}')}"
    yield "".join(rf"{slashes}{byte:03o}" for byte in raw)


def _any_case(digits: str) -> str:
    return "".join(
        f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits
    )


def all_spans(
    secrets: Iterable[SecretEncodings], text: str, lower: str
) -> Iterator[Span]:
    """Spans of all secrets in a text."""
    for secret in secrets:
        yield from secret.spans(text, lower)
