"""Text of others inside Markdown: never does it end a table or a fence."""

import re
from collections.abc import Sequence

from sidecar.core.text.printable import on_one_line, printable

_SPECIAL = re.compile(r"([\\`*<>\[\]|])")
_BACKTICKS = re.compile(r"`+")


def escape(text: str) -> str:
    """On one line, every special character as itself."""
    return _SPECIAL.sub(r"\\\1", on_one_line(text))


def fence(text: str) -> str:
    """As a block of code, whose fence is longer than any in the text."""
    said = printable(text.replace("\r\n", "\n")).rstrip("\n")
    longest = max((len(run) for run in _BACKTICKS.findall(said)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{said}\n{fence}"


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells must be inline already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
