"""Find unknown secrets by their shape or by the word before them.

Each is searched where one of its literals stands, and no pattern reads the same
text twice: the time is linear in the text.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sidecar.telemetry.secret_phrases import find_phrases

Span = tuple[int, int]

_BASE58 = "[1-9A-HJ-NP-Za-km-z]"
_GAP = r"\s{0,8}"
_QUOTED = r"""(?P<q>\\{0,8}["'])(?>(?:(?!(?<!\\)(?P=q))[^\r\n])*+(?:(?P=q))?)"""
_VALUE = rf"""(?:{_QUOTED}|[^\s"'&,;}}<\\][^\s&,;}}<]*+)"""
_NAME = (
    r"(?i:passw(?:or)?ds?|passphrases?|pwd|tokens?|secrets?|signature|credentials?"
    r"|(?:api|private|access|secret|secret[_-]access|session)[_-]?key(?:[_-]id)?"
    r"|seed(?:[_ -]?(?:phrase|words?))?|mnemonic|비밀번호|암호)"
)
_NAMES = (
    "passw",
    "passphrase",
    "pwd",
    "token",
    "secret",
    "signature",
    "credential",
    "api_key",
    "api-key",
    "apikey",
    "private_key",
    "private-key",
    "privatekey",
    "access_key",
    "access-key",
    "accesskey",
    "session_key",
    "session-key",
    "sessionkey",
    "seed",
    "mnemonic",
    "비밀번호",
    "암호",
)
_BETWEEN = rf"""\d{{0,3}}[\\"']{{0,8}}{_GAP}(?:=>|:=|[=:>]|%3[dDaA]){_GAP}"""
_NO_WORD_BEFORE = r"(?<![0-9A-Za-z])"
_NO_WORD_AFTER = r"(?![0-9A-Za-z])"


class _Shape(NamedTuple):
    """``pattern`` is tried where one of ``literals`` (lower case) stands; its group
    ``hide`` matches the secret.
    """

    literals: tuple[str, ...]
    pattern: re.Pattern[str]


def _shape(literals: str, pattern: str) -> _Shape:
    return _Shape(tuple(literals.split()), re.compile(pattern))


_SHAPES = (
    # user:password@ in an address
    _shape("://", r"://[^\s/@:]*+:(?P<hide>[^\s/]+)@"),
    # Authorization: Basic ...
    _shape(
        "basic bearer negotiate",
        r"(?i:basic|bearer|negotiate)\s{1,8}(?!(?i:auth|realm|token\b|access\b))"
        r"(?P<hide>[\w.~+/=-]{6,}+)",
    ),
    _shape(
        "digest",
        r"(?i:digest)\s{1,8}(?P<hide>(?>[\w-]{1,64}+\s{0,4}=\s{0,4}"
        r"""(?>\\{0,8}"[^"\r\n]*+"?|[^\s,"]++)(?:\s{0,4},\s{0,8})?)++)""",
    ),
    _shape("cookie", r"(?i:cookie)[\"']{0,2}\s{0,8}[:=]\s{0,8}(?P<hide>[^\r\n]++)"),
    # password=..., "token": "...", <secret>...
    _Shape(_NAMES, re.compile(rf"{_NAME}{_BETWEEN}(?P<hide>{_VALUE})")),
    # keys that say what they are
    _shape(
        "xprv yprv zprv tprv uprv vprv",
        rf"{_NO_WORD_BEFORE}(?P<hide>[a-zA-Z]prv{_BASE58}{{50,}}+)",
    ),
    _shape(
        "akia asia aroa aida agpa anpa",
        rf"{_NO_WORD_BEFORE}(?P<hide>(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{{12,}}+)"
        rf"{_NO_WORD_AFTER}",
    ),
    _shape("eyj", rf"{_NO_WORD_BEFORE}(?P<hide>eyJ[\w-]{{8,}}+\.[\w-]{{4,}}+[\w.-]*+)"),
    _shape(
        "-----begin",
        r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?P<hide>(?:[^-]|-(?!----END))++)",
    ),
    _shape(
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xoxb- xoxp- xoxa- sk_live_",
        rf"{_NO_WORD_BEFORE}[A-Za-z_]+[_-](?P<hide>[\w-]{{10,}}+)",
    ),
    _shape("/services/t", r"/services/(?P<hide>T\w+/B\w+/\w{8,}+)"),
    _shape("/webhooks/", r"/webhooks/(?P<hide>\d{6,}+/[\w-]{20,}+)"),
    _shape("/bot", r"/bot(?P<hide>\d{6,}+:[\w-]{20,}+)"),
)

# A shape without a literal begins with a set of characters: their search is quick.
_WIF = re.compile(
    rf"[59KLc6](?<![0-9A-Za-z].)(?:{_BASE58}{{50,51}}+|P{_BASE58}{{56}}){_NO_WORD_AFTER}"
)
_SEED_WORDS = 12
_SHORT_WORDS = re.compile(
    r"[a-zA-Z](?<![0-9A-Za-z].)[a-zA-Z]{2,7}+"
    r"(?:[\s\"',]{1,4}+[a-zA-Z]{3,8}+(?![0-9A-Za-z])){11,}+"
)
_WORD = re.compile("[a-zA-Z]+")
_OF_SENTENCES = frozenset(
    {
        *("the", "and", "not", "did", "does", "would", "could", "for", "was", "were"),
        *("are", "has", "had", "have", "its", "but", "with", "from", "which", "cannot"),
    }
)
"""Ordinary words that are in no word list of seed phrases."""


_SHORT = 1000
_ANY_LITERAL = re.compile(
    "|".join(re.escape(word) for shape in _SHAPES for word in shape.literals)
)
"""One search shows that a short text has no literal."""


def shape_spans(text: str, lower: str) -> Iterator[Span]:
    """Spans that look like a secret; ``lower`` is the text in lower case."""
    if len(text) > _SHORT or _ANY_LITERAL.search(lower) is not None:
        for shape in _SHAPES:
            for literal in shape.literals:
                yield from _find_shapes(shape.pattern, literal, text, lower)
        yield from find_phrases(text, lower)
    yield from (match.span() for match in _WIF.finditer(text))
    yield from _seeds(text)


def _find_shapes(
    pattern: re.Pattern[str], literal: str, text: str, lower: str
) -> Iterator[Span]:
    at = lower.find(literal)
    while at >= 0:
        match = pattern.match(text, at)
        if match is not None:
            yield match.span("hide")
        end = at + len(literal) if match is None else match.end()
        at = lower.find(literal, end)


def _seeds(text: str) -> Iterator[Span]:
    """A dozen or more short words in a row, as a wallet's seed phrase."""
    if sum(map(text.count, " \n\t,")) < _SEED_WORDS - 1:
        return
    for match in _SHORT_WORDS.finditer(text):
        row: list[re.Match[str]] = []
        for word in _WORD.finditer(text, *match.span()):
            if word[0].lower() not in _OF_SENTENCES:
                row.append(word)
                continue
            yield from _seed(row)
            row = []
        yield from _seed(row)


def _seed(row: list[re.Match[str]]) -> Iterator[Span]:
    if len(row) >= _SEED_WORDS:
        yield row[0].start(), row[-1].end()
