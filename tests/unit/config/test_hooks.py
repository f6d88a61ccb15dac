"""Secrets of hooks: read, masked, and refused with the line that is wrong."""

import base64
import json
from pathlib import Path

import pytest

from sidecar.core.model.notification_settings import HookPost
from tests.support.config_files import faults_of, load_text

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
OLD_SECRET = f"whsec_{base64.b64encode(KEY[::-1]).decode()}"


def hooks(folder: Path, **more: object) -> str:
    hook = {"on": "opened", "secret_file": str(folder / "hook"), **more}
    return json.dumps({"hooks": [hook]})


def test_secrets_of_a_hook_are_read_in_order_and_masked(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(f"{SECRET}\n{OLD_SECRET}\n")
    settings = load_text(hooks(tmp_path, post="http://a/"), tmp_path)
    (hook,) = settings.notify.hooks
    assert hook.does == HookPost("http://a/", (KEY, KEY[::-1]))
    assert {SECRET, OLD_SECRET} <= set(settings.secrets)
    assert SECRET.removeprefix("whsec_") in settings.secrets
    assert str(KEY) not in repr(settings)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "(empty)"),
        (f"{SECRET}\n\n{OLD_SECRET}", "line 2: empty"),
        (f"{SECRET} \n", "line 1: blanks at its ends"),
        (f'"{SECRET}"', "line 1: quotes around it"),
        (SECRET.removeprefix("whsec_"), "line 1: no whsec_ at its start"),
        (f"{SECRET}\nwhsec_hunter2000!", "line 2: not base64"),
        (f"whsec_{base64.b64encode(b'k' * 23).decode()}", "line 1: 23 bytes"),
        (f"whsec_{base64.b64encode(b'k' * 65).decode()}", "line 1: 65 bytes"),
        ("\n".join([SECRET] * 6), "6 secrets"),
    ],
)
def test_faulty_secret_is_refused_without_showing_it(
    content: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "hook").write_text(content)
    faults = faults_of(hooks(tmp_path, post="http://a/"), tmp_path)
    line = faults["hooks[0].secret_file"].line
    assert words in line
    for secret in (SECRET[6:], OLD_SECRET[6:], "hunter2000"):
        assert secret not in line


def test_missing_secret_file_is_a_fault(tmp_path: Path) -> None:
    faults = faults_of(hooks(tmp_path, post="http://a/"), tmp_path)
    assert "No such file" in faults["hooks[0].secret_file"].line


def test_secret_of_a_command_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(SECRET)
    command = {"container": "a", "command": ["b"]}
    faults = faults_of(hooks(tmp_path, exec=command), tmp_path)
    assert faults.keys() == {"hooks[0].secret_file"}
    assert "remove the key" in faults["hooks[0].secret_file"].line
