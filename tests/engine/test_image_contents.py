"""The shipped image holds what Sidecar needs, and nothing that helps an intruder."""

import json
import re
import tarfile
import tomllib
from collections.abc import Iterator

import docker
import pytest

from tests.engine.harness import RUN_LABEL
from tests.support.cyclonedx import find_faults
from tests.support.image_contents import ImageFile, image_archive, read_files
from tests.support.repository import REPOSITORY

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

IMAGE = "sidecar:local"
MAX_UNPACKED_BYTES = 100_000_000
PROGRAMS = re.compile(r"usr/(local/)?bin/python3[.\d]*|opt/sidecar/bin/sidecar")
INSTALLERS = re.compile(r"(^|/)(pip|ensurepip|setuptools|apt|dpkg)(-[^/]*)?(/|$)")
IMPORT_ALL = """
import importlib, pkgutil, sidecar
for module in pkgutil.walk_packages(sidecar.__path__, "sidecar."):
    importlib.import_module(module.name)
import ctypes, pyrage, re2, sqlite3, ssl, time, zoneinfo
assert ssl.create_default_context().get_ca_certs(), "no certificate authorities"
assert time.strftime("%Z") == "KST", time.tzname
"""


@pytest.fixture(scope="module")
def archive() -> Iterator[tarfile.TarFile]:
    with image_archive(IMAGE, RUN_LABEL) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(archive: tarfile.TarFile) -> list[ImageFile]:
    return read_files(archive)


def test_image_has_no_program_but_python_and_sidecar(files: list[ImageFile]) -> None:
    standard_library = re.compile(r"usr/(local/)?lib/python3[.\d]+/")
    programs = {
        file.path
        for file in files
        if file.is_program and not standard_library.match(file.path)
    }

    assert {path for path in programs if not PROGRAMS.fullmatch(path)} == set()
    assert "opt/sidecar/bin/sidecar" in programs
    assert [file.path for file in files if INSTALLERS.search(file.path)] == []


def test_image_has_no_setuid_and_no_writable_file(files: list[ImageFile]) -> None:
    assert [f.path for f in files if f.entry.mode & 0o6000] == []
    writable = {
        file.path
        for file in files
        if file.entry.mode & 0o022 and not file.entry.issym()
    }
    assert writable == {"tmp"}
    owned = {file.path: file.entry for file in files if file.entry.uid != 0}
    assert list(owned) == ["var/lib/sidecar"]
    state = owned["var/lib/sidecar"]
    assert (state.uid, state.gid, state.mode & 0o777) == (10001, 10001, 0o700)


def test_unpacked_image_is_small(files: list[ImageFile]) -> None:
    assert sum(file.entry.size for file in files) <= MAX_UNPACKED_BYTES


def test_image_tells_its_version_and_base() -> None:
    client = docker.DockerClient()
    labels = client.images.get(IMAGE).labels
    client.close()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

    prefix = "org.opencontainers.image"
    assert labels[f"{prefix}.version"] == project["version"]
    assert labels[f"{prefix}.description"] == project["description"]
    assert labels[f"{prefix}.licenses"] == project["license"]
    assert labels[f"{prefix}.base.name"] == "sidecar-base:local"


def test_bill_of_materials_names_what_is_in_the_image(
    archive: tarfile.TarFile, files: list[ImageFile]
) -> None:
    content = archive.extractfile("opt/sidecar/sbom.json")
    assert content is not None
    document = json.load(content)
    versions = {part["name"]: part["version"] for part in document["components"]}

    assert find_faults(document) == []
    folders = re.compile(r"/([^/]+)-([^/-]+)\.dist-info$")
    matches = filter(None, (folders.search(file.path) for file in files))
    in_image = {match[1]: match[2] for match in matches}
    assert (
        in_image.pop("sidecar_watchdog") == document["metadata"]["component"]["version"]
    )
    for name, version in in_image.items():
        assert versions.pop(name.replace("_", "-").lower()) == version, name
    assert {"libc6", "libssl3", "libsqlite3-0", "ca-certificates"} <= set(versions)
    needs = {row["ref"]: row["dependsOn"] for row in document["dependencies"]}
    own = document["metadata"]["component"]["bom-ref"]
    assert any(needed.startswith("pkg:pypi/aiohttp@") for needed in needs[own])
    without_licence = [
        part["name"]
        for part in document["components"]
        if part["purl"].startswith("pkg:pypi/") and not part.get("licenses")
    ]
    assert without_licence == []


def test_every_module_of_sidecar_can_be_loaded_in_the_image() -> None:
    client = docker.DockerClient()
    try:
        client.containers.run(
            IMAGE,
            ["-c", IMPORT_ALL],
            entrypoint="python3",
            environment={"TZ": "Asia/Seoul"},
            labels=RUN_LABEL,
            network_disabled=True,
            read_only=True,
            remove=True,
        )
    finally:
        client.close()
