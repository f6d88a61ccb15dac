"""docs/licences.md: the licence of each Python package that an image can hold."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from typing import NamedTuple

from image.licences import OF_PACKAGES, find_licence
from image.lock_file import read_lock
from tests.support.repository import REPOSITORY

PAGE = REPOSITORY / "docs" / "licences.md"
BEGIN = "<!-- scripts/licences writes the rest -->\n"
HEAD = "\n| package | licence | image |\n|---|---|---|\n"


class Row(NamedTuple):
    """A package of the lock files that Linux needs, and whether s3 alone needs it."""

    name: str
    licence: str | None
    is_s3_only: bool


def rows() -> Iterator[Row]:
    """All packages, in the order of the lock file."""
    usual = {
        package.name
        for package in read_lock((REPOSITORY / "requirements.lock").read_text())
    }
    for package in read_lock((REPOSITORY / "requirements-s3.lock").read_text()):
        if "win32" not in package.marker:
            yield Row(package.name, _licence(package.name), package.name not in usual)


def _licence(name: str) -> str | None:
    try:
        return find_licence(distribution(name))
    except PackageNotFoundError:
        return OF_PACKAGES.get(name)  # not for the Python that runs here


def page() -> str:
    """The whole document: what people wrote, and the table."""
    words, begin, _ = PAGE.read_text().partition(BEGIN)
    lines = (
        f"| {row.name} | {row.licence} | {'s3' if row.is_s3_only else 'each'} |\n"
        for row in rows()
    )
    return words + begin + HEAD + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
