"""Untrusted text inside Markdown: it cannot end a table or a fence."""

import re
from collections.abc import Sequence

from sidecar.core.text.printable import on_one_line, printable

_SPECIAL = re.compile(r"([\\`*<>\[\]|])")
_BACKTICKS = re.compile(r"`+")


def escape(text: str) -> str:
    """One line with every special character escaped."""
    return _SPECIAL.sub(r"\\\1", on_one_line(text))


def fence(text: str) -> str:
    """A block of code, whose fence is longer than any in the text."""
    body = printable(text.replace("\r\n", "\n")).rstrip("\n")
    longest = max((len(run) for run in _BACKTICKS.findall(body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}"


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells must be inline Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
