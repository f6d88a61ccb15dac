"""`scripts/release` on a clean clone: complete, checked, and the same wheel twice."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.support.cyclonedx import find_faults
from tests.support.repository import REPOSITORY

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

BASE = "sidecar-base:local"
VERSION = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"][
    "version"
]
WHEEL = f"sidecar_watchdog-{VERSION}-py3-none-any.whl"
ARCHIVE, SBOM = f"sidecar-{VERSION}.image.tar.gz", f"sidecar-{VERSION}.cdx.json"
COMMIT_TIME = "2026-01-02T03:04:05Z"
ENVIRON = {
    **os.environ,
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (
            ("NAME", "test"),
            ("EMAIL", "test@example.org"),
            ("DATE", COMMIT_TIME),
        )
    },
}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, env=ENVIRON, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def copy_repository(folder: Path, umask: int) -> Path:
    """The tracked files as they are now, in one commit of a new repository."""
    before = os.umask(umask)
    try:
        for name in git(REPOSITORY, "ls-files", "-z").split("\0")[:-1]:
            if (REPOSITORY / name).exists():
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(REPOSITORY / name, place)
                place.chmod((REPOSITORY / name).stat().st_mode & ~umask)
    finally:
        os.umask(before)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    return folder


def release(
    folder: Path, output: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            folder / "scripts" / "release",
            "--output",
            output,
            "--base",
            BASE,
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.fixture
def no_image_left() -> Iterator[None]:
    yield
    client = docker.DockerClient()
    client.images.remove(f"sidecar:{VERSION}")
    client.close()


@pytest.mark.usefixtures("no_image_left")
def test_release_is_complete_and_its_wheel_reproducible(tmp_path: Path) -> None:
    first = copy_repository(tmp_path / "first", 0o022)
    second = copy_repository(tmp_path / "second", 0o077)

    build = release(first, tmp_path / "1")
    wheel_build = release(second, tmp_path / "2", "--wheel-only")

    assert build.returncode == 0, build.stderr
    assert wheel_build.returncode == 0, wheel_build.stderr
    assert (tmp_path / "1" / WHEEL).read_bytes() == (
        tmp_path / "2" / WHEEL
    ).read_bytes()
    check_files(tmp_path / "1", git(first, "rev-parse", "HEAD").strip())
    again = release(first, tmp_path / "1")
    assert (again.returncode, "not an empty folder" in again.stderr) == (1, True)


def check_files(folder: Path, revision: str) -> None:
    """The files, their checksums, and what the wheel and the archive contain."""
    names = {path.name for path in folder.iterdir()}
    assert names == {WHEEL, ARCHIVE, SBOM, "requirements.lock", "SHA256SUMS"}
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        names.remove(name)
    assert names == {"SHA256SUMS"}
    assert find_faults(json.loads((folder / SBOM).read_text())) == []
    with zipfile.ZipFile(folder / WHEEL) as wheel:
        assert "sidecar/__main__.py" in wheel.namelist()
        assert {info.date_time[:3] for info in wheel.infolist()} == {(2026, 1, 2)}
    with tarfile.open(folder / ARCHIVE) as archive:
        (manifest,) = read_json(archive, "manifest.json")
        config = read_json(archive, manifest["Config"])
    assert manifest["RepoTags"] == [f"sidecar:{VERSION}"]
    prefix, labels = "org.opencontainers.image", config["config"]["Labels"]
    assert labels[f"{prefix}.revision"] == revision
    assert labels[f"{prefix}.created"] == config["created"] == COMMIT_TIME
    assert labels[f"{prefix}.base.name"] == BASE


def read_json(archive: tarfile.TarFile, name: str) -> Any:  # noqa: ANN401 - JSON
    file = archive.extractfile(name)
    assert file is not None, name
    return json.load(file)


def test_release_of_changed_tree_is_refused(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "source", 0o022)
    (folder / "sidecar" / "forgotten.py").write_text("")

    refused = release(folder, tmp_path / "out")

    assert refused.returncode == 1
    assert "?? sidecar/forgotten.py" in refused.stderr
    assert not (tmp_path / "out").exists()
    helped = release(folder, tmp_path / "out", "--help")
    assert (helped.returncode, "scripts/release" in helped.stdout) == (0, True)
