"""Find secrets in sentences: the words after ``password`` and ``passphrase``."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

MOST_WORDS = 24

_ONE = re.compile(
    r"(?i:passw(?:or)?d|pwd|비밀번호|암호)(?P<quote>[\\\"']{0,4})(?P<of>[은는이가를로의]?)"
)
_SEVERAL = re.compile(
    r"(?i:passphrase|mnemonic|seed phrase|seed words)(?P<quote>[\\\"']{0,4})(?P<of>)"
)
_OPTION = re.compile(r"(?:^|[\s\"'])--?[\w-]{0,64}$")
_TOKEN = re.compile(
    r"""[\s,]{1,8}(?P<word>"[^"\r\n]*+"?|'[^'\r\n]*+'?|[^\s,;"']+)""",
)
_END = ".:!?)]}"
_LINKS = frozenset({"is", "was", "are", "be", "as", "to", "set", "changed", "now"})
_MOST_LINKS = 3
_ORDINARY = frozenset(
    re.findall(
        r"\w+",
        """
        a about again all also an and any as at auth authentication authorization bad
        because been before but by can cannot change changed check checked checking
        could denied did do does empty encrypted encryption entered entry error exists
        expired failed failure field file files for found from given good had has hash
        hashed hashes have hint i if in incorrect input invalid is it its length login
        long manager may mismatch missing must necessary need needed needs neither no
        none nor not of ok old on once option or parameter policy prompt protected
        protection provided read rejected removed required reset same set should short
        so stays strength than that the then these they this those too twice unknown
        unset up use used user username valid value verification via was weak were
        what when where which while who will with without would wrong yet you your
        """,
    )
)


def find_phrases(text: str, lower: str) -> Iterator[Span]:
    """``password hunter2``, ``passphrase is correct horse``, ``--password hunter2``.

    An ordinary word of a sentence is no secret: ``the password is wrong``.
    """
    for literal, pattern, words in (
        ("passw", _ONE, 1),
        ("pwd", _ONE, 1),
        ("비밀번호", _ONE, 1),
        ("암호", _ONE, 1),
        ("passphrase", _SEVERAL, MOST_WORDS),
        ("mnemonic", _SEVERAL, MOST_WORDS),
        ("seed ", _SEVERAL, MOST_WORDS),
    ):
        at = lower.find(literal)
        while at >= 0:
            name_match = pattern.match(text, at)
            end = at + len(literal)
            if (
                name_match is not None
                and _TOKEN.match(text, name_match.end()) is not None
            ):
                is_option = _OPTION.search(text[max(0, at - 64) : at]) is not None
                for span in _spans_after(text, name_match, words, is_option=is_option):
                    yield span
                    end = max(end, span[1])
            at = lower.find(literal, end)


def _spans_after(
    text: str, name: re.Match[str], words: int, *, is_option: bool
) -> Iterator[Span]:
    """Spans of the words after a name, except ordinary words of a sentence."""
    links, at = 0, name.end()
    while words and (token := _TOKEN.match(text, at)) is not None:
        (start, at), word = token.span("word"), token["word"]
        if "\n" in token[0]:
            return
        if not is_option and links < _MOST_LINKS and word.lower() in _LINKS:
            links += 1
            continue
        if not is_option and _is_ordinary(word, name[0]):
            return
        yield start, at
        words -= 1
        if is_option or word[-1] in ".!?":
            return


def _is_ordinary(word: str, name: str) -> bool:
    plain = word.strip(_END).lower()
    # A Korean sentence goes on in Korean; a password rarely has Korean letters.
    goes_on = not name[0].isascii() and not plain.isascii()
    return not plain or plain in _ORDINARY or goes_on
