"""``sidecar run`` and other commands load nothing that they do not need.

What is loaded stays in memory as long as Sidecar runs.
"""

import subprocess
import sys

import pytest

from tests.support.repository import REPOSITORY

PARTS = ("sidecar.core.setup", "sidecar.engine.survey", "sidecar.app.setup")
OF_SOME_REQUESTS = (
    "difflib",
    "sidecar.core.reporting.availability",
    "sidecar.core.reporting.incident_review",
    "sidecar.core.reporting.postmortem",
    "sidecar.web.views.history",
    "sidecar.web.views.statuspage",
)


def loaded_with(modules: str) -> list[str]:
    """All modules that a new process has after this import."""
    code = f"import sys, {modules}; print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return process.stdout.split()


@pytest.mark.parametrize(
    "modules", ["sidecar.__main__, sidecar.app.main", "sidecar.cli.main"]
)
def test_parts_of_setup_are_loaded_only_by_their_commands(modules: str) -> None:
    loaded = loaded_with(modules)
    assert [name for name in loaded if name.startswith(PARTS)] == []


def test_run_loads_what_some_requests_need_at_the_first_of_them() -> None:
    loaded = loaded_with("sidecar.__main__, sidecar.app.main")
    assert [name for name in loaded if name.startswith(OF_SOME_REQUESTS)] == []
