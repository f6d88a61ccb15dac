"""``python -m tests.support.configuration_page`` prints ``docs/configuration.md``.

The text of the page stays as it is. Its tables of keys are made anew from the sections
of the file. A table stands between ``<!-- keys of SECTION -->`` and
``<!-- end of keys -->``.
"""

import re
import sys

from sidecar.config.labels.label_rules import BOUNDS
from sidecar.config.reference.tables import rows_of, sections
from tests.support.repository import REPOSITORY

PAGE = REPOSITORY / "docs" / "configuration.md"
END = "<!-- end of keys -->"
TABLE = re.compile(r"<!-- keys of (\w+) -->\n.*?" + END, re.DOTALL)
LABELS = "labels"


def page() -> str:
    """The whole page, with the tables as they should be."""
    return TABLE.sub(_table, PAGE.read_text("utf-8"))


def sections_on_page() -> list[str]:
    """The names of the sections whose tables the page has."""
    names = TABLE.findall(PAGE.read_text("utf-8"))
    return [name for name in names if name != LABELS]


def _table(match: re.Match[str]) -> str:
    name = match[1]
    lines = _bounds() if name == LABELS else _keys(name)
    return "\n".join([f"<!-- keys of {name} -->", *lines, END])


def _keys(name: str) -> list[str]:
    rows = (
        f"| `{row.key}` | {row.allowed} | {row.default} | {row.meaning} |"
        for row in rows_of(sections()[name])
    )
    return ["| key | value | default | meaning |", "|---|---|---|---|", *rows]


def _bounds() -> list[str]:
    rows = (f"| `{key}` | {least} | {most} |" for key, (least, most) in BOUNDS.items())
    return ["| label | from | to |", "|---|---|---|", *rows]


if __name__ == "__main__":
    sys.stdout.write(page())
