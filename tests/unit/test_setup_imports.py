"""``sidecar run`` and other commands load nothing of ``init`` and ``doctor``."""

import subprocess
import sys

import pytest

from tests.support.repository import REPOSITORY

PARTS = ("sidecar.core.setup", "sidecar.engine.survey", "sidecar.app.setup")


@pytest.mark.parametrize(
    "modules", ["sidecar.__main__, sidecar.app.main", "sidecar.cli.main"]
)
def test_parts_of_setup_are_loaded_only_by_their_commands(modules: str) -> None:
    code = f"import sys, {modules}; print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    loaded = process.stdout.split()
    assert [name for name in loaded if name.startswith(PARTS)] == []
