"""Files and texts that would block the start or fill the memory: refused at once."""

import errno
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from sidecar.config.file.last_good import NAME, load_or_last_good
from sidecar.config.file.regular_file import read_regular_file
from sidecar.config.file.text_file import MOST_BYTES
from sidecar.config.load import load
from sidecar.config.problem import ConfigError
from tests.support.config_files import faults_of, load_text

AT_ONCE_S = 20.0


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_directory(path: Path) -> None:
    path.mkdir()


def make_large(path: Path) -> None:
    with path.open("wb") as opened:
        opened.truncate(10_000_000_000)


KINDS = {
    make_pipe: "not a regular file",
    make_device: "not a regular file",
    make_directory: "not a regular file",
    make_large: "more than",
}
Make = Callable[[Path], None]


@pytest.mark.parametrize(("make", "why"), KINDS.items(), ids=lambda k: str(k)[:20])
def test_secret_file_that_is_special_or_huge_is_a_fault(
    tmp_path: Path, make: Make, why: str
) -> None:
    make(tmp_path / "odd")
    text = f"""
targets:
  a: {{probe: {{type: http, url: "http://x/", username: u,
      password_file: {tmp_path}/odd}}}}
"""
    began = time.monotonic()
    fault = faults_of(text, tmp_path)["targets.a.probe.password_file"]
    assert why in fault.actual
    assert time.monotonic() - began < AT_ONCE_S


@pytest.mark.parametrize(("make", "why"), KINDS.items(), ids=lambda k: str(k)[:20])
def test_configuration_file_that_is_special_or_huge_is_a_fault(
    tmp_path: Path, make: Make, why: str
) -> None:
    make(tmp_path / "odd")
    began = time.monotonic()
    with pytest.raises(ConfigError, match=why):
        load({}, tmp_path / "odd")
    assert time.monotonic() - began < AT_ONCE_S


@pytest.mark.parametrize("make", KINDS, ids=lambda k: str(k)[:20])
def test_last_good_file_that_is_special_or_huge_is_ignored(
    tmp_path: Path, make: Make
) -> None:
    make(tmp_path / NAME)
    faulty = tmp_path / "sidecar.yaml"
    faulty.write_text("mode: obsrve")
    began = time.monotonic()
    with pytest.raises(ConfigError, match="obsrve"):
        load_or_last_good({"SIDECAR_STATE_DIR": str(tmp_path)}, faulty)
    assert time.monotonic() - began < AT_ONCE_S


def test_file_of_the_size_limit_is_read_and_one_byte_more_is_not(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert read_regular_file(file, 100) == b"x" * 100
    with pytest.raises(OSError, match="more than 99 bytes"):
        read_regular_file(file, 99)


class NeverOpened:
    """The path of a file on a file system that does not answer."""

    def __init__(self) -> None:
        self.answered = threading.Event()

    def __fspath__(self) -> str:
        self.answered.wait()
        return os.devnull


def test_read_from_a_silent_file_system_times_out() -> None:
    path = NeverOpened()
    with pytest.raises(OSError, match=re.escape("not read within 0.05 s")) as caught:
        read_regular_file(cast("Path", path), 1, deadline_s=0.05)
    path.answered.set()
    assert caught.value.errno == errno.ETIMEDOUT


def test_a_path_with_a_zero_byte_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="null byte"):
        read_regular_file(Path("a\0b"), 1)


def test_a_link_to_a_regular_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_regular_file(tmp_path / "link", 1) == b"x"


def test_a_configuration_over_its_size_is_refused_with_the_size(
    tmp_path: Path,
) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text("#" * (MOST_BYTES + 1))
    with pytest.raises(ConfigError, match="more than 1000000 bytes"):
        load({}, file)


def merge_bomb(levels: int, width: int) -> str:
    """YAML whose levels each merge the previous one ``width`` times and add a key."""
    lines = ["l0: &l0 {" + ", ".join(f"k{n}: 1" for n in range(width)) + "}"]
    for level in range(1, levels):
        merges = ", ".join([f"*l{level - 1}"] * width)
        lines.append(f"l{level}: &l{level} {{<<: [{merges}], own{level}: 1}}")
    return "\n".join(lines)


@pytest.mark.parametrize(("levels", "width"), [(9, 9), (4, 200), (30, 3)])
def test_merges_of_merges_are_refused(tmp_path: Path, levels: int, width: int) -> None:
    began = time.monotonic()
    (fault,) = faults_of(merge_bomb(levels, width), tmp_path).values()
    assert "merges unfold to more than 200000 entries" in str(fault)
    assert time.monotonic() - began < AT_ONCE_S


def test_a_merge_of_itself_is_refused(tmp_path: Path) -> None:
    assert faults_of("a: &a {<<: *a, b: 1}", tmp_path)


def test_many_small_merges_are_accepted(tmp_path: Path) -> None:
    targets = "\n".join(
        f'  t{n}: {{<<: *base, probe: {{type: http, url: "http://x/"}}}}'
        for n in range(500)
    )
    base = "  base: &base {settle: 10s, probe: {type: docker}}"
    settings = load_text(f"targets:\n{base}\n{targets}", tmp_path)
    assert len(settings.targets) == 501


@pytest.mark.parametrize("value", ["a\\nX-Other: b", "a\\r", "a\\0", "\\e[2J"])
def test_a_header_with_a_control_character_is_refused_without_its_value(
    tmp_path: Path, value: str
) -> None:
    text = f"""
targets:
  a: {{probe: {{type: http, url: "http://x/", headers: {{X-Key: "hunter2{value}"}}}}}}
"""
    fault = faults_of(text, tmp_path)["targets.a.probe.headers.X-Key"]
    assert "line break" in str(fault)
    assert "hunter2" not in str(fault)


@pytest.mark.parametrize("name", ["X Y", "X\\nY", "X:", "ä", "x" * 101])
def test_invalid_header_name_is_refused(tmp_path: Path, name: str) -> None:
    text = f"""
targets:
  a: {{probe: {{type: http, url: "http://x/", headers: {{"{name}": v}}}}}}
"""
    assert "targets.a.probe.headers" in faults_of(text, tmp_path)


def test_header_value_with_tab_and_non_ascii_letters_is_accepted(
    tmp_path: Path,
) -> None:
    text = """
targets:
  a: {probe: {type: http, url: "http://x/", headers: {X-Key: "a\\tä한"}}}
"""
    (target,) = load_text(text, tmp_path).targets
    assert target.probes
