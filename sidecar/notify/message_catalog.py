"""The message catalogues: gettext's .po files, read once at the start."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from sidecar.core.reason.english import ENGLISH
from sidecar.core.reason.reason import Reason
from sidecar.notify.reason_writer import MessageReasonWriter

LANGUAGES = ("en", "ko")
_FOLDER = Path(__file__).parents[1] / "locale"


class MessageCatalog:
    """The texts of one language, by key, and its texts of reasons, by code."""

    def __init__(self, texts: Mapping[str, str], reasons: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self.reasons = reasons
        self._writer = MessageReasonWriter(reasons, self)

    def write_reason(self, reason: Reason) -> str:
        """A reason as a sentence of the language."""
        return self._writer.write(reason)

    def __call__(self, key: str, **values: str) -> str:
        """The whole text with its placeholders filled in; KeyError: no such text."""
        return self._texts[key].format_map(values)

    @property
    def texts(self) -> Mapping[str, str]:
        """All texts by key."""
        return self._texts


@cache
def read_catalog(language: str) -> MessageCatalog:
    """The catalogue of one of LANGUAGES, read once: so not for the event loop."""
    folder = _FOLDER / language / "LC_MESSAGES"
    reasons = folder / "reasons.po"
    english = {str(code): text for code, text in ENGLISH.items()}
    by_code = texts_of(reasons) if reasons.exists() else english
    return MessageCatalog(texts_of(folder / "sidecar.po"), by_code)


def read_page_catalog(language: str) -> MessageCatalog:
    """The catalogue of one of LANGUAGES with the texts of the status page added.

    Reads files, so not for the event loop.
    """
    messages = read_catalog(language)
    page = texts_of(_FOLDER / language / "LC_MESSAGES" / "page.po")
    return MessageCatalog({**messages.texts, **page}, messages.reasons)


def texts_of(file: Path) -> dict[str, str]:
    """The texts of a .po file by their keys. Reads it."""
    texts = dict(_entries(file.read_text("utf-8").splitlines()))
    texts.pop("", None)
    return texts


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Key and text of each entry; other features of gettext are not used."""
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
    # The escapes that are used are those of JSON, which is read many times faster.
    return str(json.loads(part))
