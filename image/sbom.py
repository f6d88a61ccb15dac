"""Write the software bill of materials (CycloneDX 1.5) of an image's root.

    python3 -m image.sbom --root ROOT --venv VENV --lock LOCK --output FILE

Names each Python package of the lock file that is in ROOT, with its licence and the
hashes that the lock file accepts, and each Debian package of which ROOT has a file.
The same input gives the same bytes.
"""

import argparse
import json
import platform
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

from image.debian_packages import DebianPackage, read_owners
from image.licences import find_licence
from image.lock_file import PROJECT, LockedPackage, read_lock

Json = dict[str, Any]
SPEC_VERSION = "1.5"


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("root", "venv", "lock", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    document = make_document(
        project["version"], arguments.root, arguments.venv, arguments.lock.read_text()
    )
    arguments.output.write_text(json.dumps(document, indent=1) + "\n")


def make_document(version: str, root: Path, venv: Path, lock: str) -> Json:
    """The whole document; ``venv`` is its path in ``root``."""
    (packages_folder,) = root.glob(f"{venv.relative_to('/')}/lib/python*/site-packages")
    installed = {
        canonical_name(distribution.metadata["Name"]): distribution
        for distribution in distributions(path=[str(packages_folder)])
    }
    locked = [package for package in read_lock(lock) if package.name in installed]
    own = describe_own(version)
    components = [
        *(describe_python(package, installed[package.name]) for package in locked),
        *describe_base(root),
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, str(components))}",
        "version": 1,
        "metadata": {"component": own},
        "components": components,
        "dependencies": list_dependencies(own["bom-ref"], locked),
    }


def canonical_name(name: str) -> str:
    """A package's name as lock files have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def describe_own(version: str) -> Json:
    """Sidecar itself."""
    return describe(
        "application", PROJECT, version, f"pkg:pypi/{PROJECT}@{version}"
    ) | {"licenses": [{"expression": "MIT"}]}


def describe(kind: str, name: str, version: str, purl: str) -> Json:
    """The fields that each component has."""
    return {
        "type": kind,
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
    }


def describe_licence(expression: str | None) -> Json:
    """The licence, as an SPDX expression."""
    return {"licenses": [{"expression": expression}]} if expression else {}


def python_purl(package: LockedPackage) -> str:
    """The package URL of a Python package."""
    return f"pkg:pypi/{package.name}@{package.version}"


def describe_python(package: LockedPackage, installed: Distribution) -> Json:
    """A Python package, with the hashes of its files that may be installed."""
    licence = find_licence(installed)
    component = describe("library", package.name, package.version, python_purl(package))
    return (
        component
        | describe_licence(licence)
        | {
            "externalReferences": [
                {
                    "type": "distribution",
                    "url": f"https://pypi.org/project/{package.name}/{package.version}/",
                    "hashes": [
                        {"alg": "SHA-256", "content": digest}
                        for digest in package.sha256
                    ],
                }
            ],
        }
    )


def list_dependencies(own: str, locked: list[LockedPackage]) -> list[Json]:
    """The components that each one needs, as far as the lock file says."""
    purls = {PROJECT: own} | {package.name: python_purl(package) for package in locked}
    needs: dict[str, list[str]] = {purl: [] for purl in purls.values()}
    for package in locked:
        for name in package.needed_by:
            if name in purls:
                needs[purls[name]].append(python_purl(package))
    return [{"ref": purl, "dependsOn": needed} for purl, needed in needs.items()]


def describe_base(root: Path) -> Iterator[Json]:
    """Debian packages of the base image, and its Python if that is no package."""
    owners = read_owners()
    files = {
        Path("/") / path.relative_to(root)
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    for package in sorted({owners[file] for file in files & owners.keys()}):
        yield describe_debian(package)
    if Path(sys.executable).resolve() not in owners:
        version = platform.python_version()
        purl = f"pkg:generic/cpython@{version}"
        yield describe("library", "cpython", version, purl) | describe_licence(
            "PSF-2.0"
        )


def describe_debian(package: DebianPackage) -> Json:
    """A Debian package of the base."""
    release = platform.freedesktop_os_release().get("VERSION_ID", "")
    purl = (
        f"pkg:deb/debian/{quote(package.name)}@{quote(package.version, safe='~.')}"
        f"?arch={package.architecture}&distro=debian-{release}"
    )
    return describe("library", package.name, package.version, purl)


if __name__ == "__main__":
    main()
