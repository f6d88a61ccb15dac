"""Files of ``sidecar init``: shown changes, masked secrets, and writing."""

import stat
from pathlib import Path

import pytest

from sidecar.app.setup_files import plan_files, write_setup
from sidecar.cli.local_commands_port import CommandFailed, SetupPlan
from tests.support.config_files import SECRETS, write_whole_config

NEW = "mode: observe\n"


def plan(folder: Path, text: str = NEW) -> SetupPlan:
    return SetupPlan(plan_files(folder, {"sidecar.yaml": text}), ())


def test_new_file_is_shown_whole_and_written_readable(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "sidecar"
    new_plan = plan(folder)
    (file,) = new_plan.files
    assert file.diff.splitlines()[0] == "--- /dev/null"
    assert "+mode: observe" in file.diff.splitlines()
    write_setup(new_plan)
    assert (folder / "sidecar.yaml").read_text() == NEW
    assert stat.S_IMODE((folder / "sidecar.yaml").stat().st_mode) == 0o644
    assert [path.name for path in folder.iterdir()] == ["sidecar.yaml"]


def test_same_file_has_no_change_and_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(NEW)
    before = file.stat().st_ino
    same = plan(tmp_path)
    assert same.files[0].diff == ""
    write_setup(same)
    assert file.stat().st_ino == before


def test_change_shows_no_secret_of_the_present_file(tmp_path: Path) -> None:
    text = write_whole_config(tmp_path).replace(
        "username: bchrpc", "username: bchrpc\n      password: open-sesame"
    )
    text += "\nx-mine: {api_token: 'a-token-1234'}\n"
    (tmp_path / "sidecar.yaml").write_text(text)
    diff = plan(tmp_path).files[0].diff
    assert "-targets:" in diff
    assert "bchrpc" in diff
    for secret in ("open-sesame", "bot-key", "9f3c", "a-token-1234", *SECRETS.values()):
        assert secret not in diff


def test_present_file_that_is_no_yaml_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "sidecar.yaml").write_text("password: a: b")
    with pytest.raises(CommandFailed, match="is no YAML"):
        plan(tmp_path)


def test_present_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "sidecar.yaml").mkdir()
    with pytest.raises(CommandFailed, match=r"sidecar\.yaml cannot be read"):
        plan(tmp_path)


def test_file_that_was_changed_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    old_plan = plan(tmp_path)
    (tmp_path / "sidecar.yaml").write_text("mode: act\n")
    with pytest.raises(CommandFailed, match="changed meanwhile"):
        write_setup(old_plan)
    assert (tmp_path / "sidecar.yaml").read_text() == "mode: act\n"


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = SetupPlan(plan(tmp_path).files, ())
    (file,) = blocked.files
    moved = type(file)(tmp_path / "file" / "sidecar.yaml", file.text, file.diff)
    with pytest.raises(CommandFailed, match="cannot be"):
        write_setup(SetupPlan((moved,), ()))
