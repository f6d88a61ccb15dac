"""Steps of the README, run as they are written."""

import os
import stat
from pathlib import Path

import pytest

from tests.support.readme_steps import code_of, run_as_root


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
