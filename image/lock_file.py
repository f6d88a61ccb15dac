"""The lock files as ``uv pip compile --generate-hashes`` writes them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

PROJECT = "sidecar-watchdog"
ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)"
    r"(?: ; (?P<marker>[^\\\n]*[^\\\s]))?"
    r"(?P<rest>.*\n(?:[ \t].*\n?)*)",
    re.MULTILINE,
)
NEEDED_BY = re.compile(r"^ +# +(?:via )?([\w.-]+)", re.MULTILINE)


class LockedPackage(NamedTuple):
    """A package of a lock file; ``needed_by`` are the names of what asks for it.

    ``marker`` says where it is installed: "sys_platform == 'win32'"; empty: everywhere.
    """

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]
    needed_by: tuple[str, ...]


def read_lock(text: str) -> Iterator[LockedPackage]:
    """All packages, also those for other systems than this one."""
    for entry in ENTRY.finditer(text):
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry["rest"])
        needed_by = (name for name in NEEDED_BY.findall(entry["rest"]) if name != "via")
        yield LockedPackage(
            entry["name"],
            entry["version"],
            entry["marker"] or "",
            tuple(hashes),
            tuple(needed_by),
        )
