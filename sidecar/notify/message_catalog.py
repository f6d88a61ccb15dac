"""The message catalogues: gettext's .po files, read once at the start."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from sidecar.notify.reason_translation import ReasonTranslator

LANGUAGES = ("en", "ko")
_FOLDER = Path(__file__).parents[1] / "locale"


class MessageCatalog:
    """The texts of one language, by key; ``reason`` says a reason in it."""

    def __init__(self, texts: Mapping[str, str], reason: Callable[[str], str]) -> None:
        self._texts = dict(texts)
        self.reason = reason

    def __call__(self, key: str, **values: str) -> str:
        """The whole text with its placeholders filled in; KeyError: no such text."""
        return self._texts[key].format_map(values)

    @property
    def texts(self) -> Mapping[str, str]:
        """All of them."""
        return self._texts


def read_catalog(language: str) -> MessageCatalog:
    """The catalogue of one of LANGUAGES. Reads a file, so not for the event loop."""
    folder = _FOLDER / language / "LC_MESSAGES"
    reasons = folder / "reasons.po"
    book = ReasonTranslator(texts_of(reasons)) if reasons.exists() else str
    return MessageCatalog(texts_of(folder / "sidecar.po"), book)


def texts_of(file: Path) -> dict[str, str]:
    """The texts of a .po file by their keys. Reads it."""
    texts = dict(_entries(file.read_text("utf-8").splitlines()))
    texts.pop("", None)
    return texts


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Key and text of each entry; what gettext has beyond that we do not use."""
    key = text = ""
    in_text = False
    for raw in lines:
        line = raw.strip()
        if line.startswith("msgid "):
            if in_text:
                yield key, text
            key, text, in_text = _unquote(line.removeprefix("msgid ")), "", False
        elif line.startswith("msgstr "):
            text, in_text = _unquote(line.removeprefix("msgstr ")), True
        elif line.startswith('"') and in_text:
            text += _unquote(line)
        elif line.startswith('"'):
            key += _unquote(line)
    if in_text:
        yield key, text


def _unquote(part: str) -> str:
    return str(ast.literal_eval(part))
