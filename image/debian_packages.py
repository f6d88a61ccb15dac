"""The Debian packages of the base image, as dpkg lists them."""

import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

LISTS = "var/lib/dpkg/info"
STATUS = "var/lib/dpkg/status"
GENERATED = {
    Path("/etc/ssl/certs/ca-certificates.crt"): Path("/usr/sbin/update-ca-certificates")
}
"""Files that a package's program makes when it is installed, and that program."""


class DebianPackage(NamedTuple):
    """An installed package."""

    name: str
    version: str
    architecture: str


def read_owners(base: Path = Path("/")) -> dict[Path, DebianPackage]:
    """The package of each file; empty where there is no dpkg.

    dpkg's lists name ``/lib/x``, where today ``/lib`` is a link to ``/usr/lib``: the
    paths returned are those behind the links of folders.
    """
    installed = _read_status(base)
    real_folder = cache(os.path.realpath)
    owners = {}
    for file in (base / LISTS).glob("*.list"):
        for path in map(Path, file.read_text().splitlines()):
            owners[Path(real_folder(path.parent)) / path.name] = installed[file.stem]
    generated = {file: owners[by] for file, by in GENERATED.items() if by in owners}
    return owners | generated


def _read_status(base: Path) -> dict[str, DebianPackage]:
    """Installed packages, by the names of their lists: "libc6:amd64", "tzdata"."""
    status = base / STATUS
    packages = {}
    for record in status.read_text().split("\n\n") if status.exists() else ():
        fields = dict(re.findall(r"^(\S+): (.*)$", record, re.MULTILINE))
        if "Version" in fields:
            package = DebianPackage(
                fields["Package"], fields["Version"], fields["Architecture"]
            )
            packages[package.name] = package
            packages[f"{package.name}:{package.architecture}"] = package
    return packages
