"""The documents of the repository: their headings, links and shell blocks.

A shell block after the line ``<!-- runnable -->`` runs in a folder with the empty
folders ``secrets`` and ``sidecar``. After ``<!-- runnable in a stack -->`` it runs in
the folder of a started stack, in the order of documents and blocks.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

from tests.support.repository import REPOSITORY

RUNNABLE = "<!-- runnable -->"
RUNNABLE_IN_STACK = "<!-- runnable in a stack -->"
PARTS = ("Meaning", "Impact", "What Sidecar does", "What you do")
"""The parts of a section about a cause or an alert, in order."""

_FENCE = re.compile(r"^[ \d.>-]*```.*?^[ >]*```$", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
_BLOCK = re.compile(
    r"^ *(<!-- runnable[a-z ]*-->)\n+( *)```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL
)
_COMMAND = re.compile(
    r"(?:^ *|exec (?:-T )?sidecar |sidecar-1 )sidecar ([^|&;#>\n]*)", re.MULTILINE
)
_NOT_FOR_READERS = ("tests", ".venv")


class Link(NamedTuple):
    """A link to a file of the repository; ``anchor`` is empty for the whole file."""

    source: Path
    file: Path
    anchor: str

    @property
    def label(self) -> str:
        """The link as a failed test names it."""
        source = self.source.relative_to(REPOSITORY)
        return f"{source}: {self.file.name}#{self.anchor}"


class Block(NamedTuple):
    """A shell block that is marked as runnable."""

    source: Path
    marker: str
    code: str

    @property
    def label(self) -> str:
        """The block as a test is named."""
        return f"{self.source.name}: {self.code.splitlines()[0]}"


def documents() -> list[Path]:
    """All documents for readers."""
    return [
        path
        for path in sorted(REPOSITORY.rglob("*.md"))
        if path.relative_to(REPOSITORY).parts[0] not in _NOT_FOR_READERS
        and not any(part.startswith(".") for part in path.relative_to(REPOSITORY).parts)
    ]


def links_of(document: Path) -> Iterator[Link]:
    """The links of a document to files and headings of the repository."""
    text = _INLINE_CODE.sub("code", _FENCE.sub("", document.read_text("utf-8")))
    for name, anchor in _LINK.findall(text):
        file = (document.parent / name).resolve() if name else document
        yield Link(document, file, anchor)


def anchors_of(document: Path) -> set[str]:
    """The anchors that a repository's website makes of the headings of a document."""
    text = _FENCE.sub("", document.read_text("utf-8"))
    counts: Counter[str] = Counter()
    anchors = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"\]\([^)]*\)", "", heading)
        slug = re.sub(r"[^\w\- ]", "", words).lower().strip().replace(" ", "-")
        anchors.add(f"{slug}-{counts[slug]}" if counts[slug] else slug)
        counts[slug] += 1
    return anchors


def sections_of(document: Path) -> dict[str, str]:
    """The sections of the second level, by heading."""
    parts = re.split(r"^## ", document.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return dict(part.split("\n", 1) for part in parts)


def parts_of(section: str) -> dict[str, str]:
    """The text of each part of a section about a cause or an alert."""
    pieces = re.split(r"^- \*\*(.+?)\.\*\*", section, flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], (p.strip() for p in pieces[1::2]), strict=True))


def runnable_blocks(marker: str) -> list[Block]:
    """The blocks of all documents with this marker; the same code occurs once."""
    blocks = (block for document in documents() for block in blocks_of(document))
    return list(
        {block.code: block for block in blocks if block.marker == marker}.values()
    )


def blocks_of(document: Path) -> list[Block]:
    """The marked shell blocks of a document."""
    text = document.read_text("utf-8")
    return [
        Block(document, marker, dedent(code))
        for marker, _, code in _BLOCK.findall(text)
    ]


def markers_of(document: Path) -> list[str]:
    """All markers of a document, whether or not a shell block follows."""
    text = document.read_text("utf-8")
    return re.findall(r"^ *(<!-- runnable.*?-->)", text, re.MULTILINE)


def commands_of(document: Path) -> list[str]:
    """The commands of ``sidecar`` in inline code and in shell blocks.

    Each is without the program's name, and without what follows in the shell.
    """
    text = document.read_text("utf-8")
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    inline = "\n".join(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", _FENCE.sub("", text)))
    return [
        command.strip()
        for command in _COMMAND.findall(f"{shell}\n{inline}")
        if command.strip()
    ]
