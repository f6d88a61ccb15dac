"""Steps of the README, run as they are written."""

import os
import re
import stat
from pathlib import Path

import pytest

from tests.support.readme_steps import code_of, run_as_root
from tests.support.repository import REPOSITORY

CODE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
READMES = ("README.md", "README.ko.md")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_the_password_for_sidecar_leaves_the_file_of_the_others_alone(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    shared = folder / "electron_cash_password"
    shared.write_text("the rpcpassword")
    shared.chmod(0o640)
    os.chown(shared, 1000, 1000)
    run_as_root(code_of(2), tmp_path)
    theirs = shared.stat()
    assert (theirs.st_uid, theirs.st_gid) == (1000, 1000)
    assert stat.S_IMODE(theirs.st_mode) == 0o640
    (own,) = (file for file in folder.iterdir() if file != shared)
    assert own.read_text() == "the rpcpassword"
    assert own.stat().st_uid == 10001
    assert stat.S_IMODE(own.stat().st_mode) == 0o400
    assert str(own.relative_to(tmp_path)) in code_of(3)


def test_readme_has_the_same_code_and_chapters_in_both_languages() -> None:
    english, korean = ((REPOSITORY / name).read_text() for name in READMES)
    assert CODE.findall(korean) == CODE.findall(english)
    for marker in (r"^## ", r"^\| ", r"^- \*\*"):
        chapters = [re.findall(marker, text, re.M) for text in (english, korean)]
        assert len(chapters[0]) == len(chapters[1]), marker
