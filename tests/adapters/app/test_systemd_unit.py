"""The unit file, judged by systemd's own tool."""

import re
import subprocess
import sys
from pathlib import Path

from sidecar.app.main import BAD_CONFIGURATION
from tests.support.repository import REPOSITORY

UNIT = REPOSITORY / "systemd" / "sidecar.service"
MAX_EXPOSURE = 3.0


def analyze(*arguments: str) -> str:
    ended = subprocess.run(
        ["systemd-analyze", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_unit_has_no_fault(tmp_path: Path) -> None:
    # The tool looks for the program, which is not installed here.
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/usr/local/bin/sidecar", sys.executable))
    assert analyze("verify", "--man=no", "--recursive-errors=no", str(copy)) == ""


def test_unit_is_exposed_little() -> None:
    report = analyze("security", "--offline=yes", "--no-pager", str(UNIT))
    exposure = re.search(
        r"Overall exposure level for sidecar.service: ([\d.]+)", report
    )
    assert exposure is not None, report
    assert float(exposure[1]) <= MAX_EXPOSURE


def test_unit_does_not_start_again_with_refused_settings() -> None:
    assert f"RestartPreventExitStatus={BAD_CONFIGURATION}\n" in UNIT.read_text()
