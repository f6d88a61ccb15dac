"""Steps of the README, and how a shell block of a document is run."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.repository import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
TIMEOUT_S = 90.0
SECTION = README.partition("## Guard your own stack")[2].partition("\n## ")[0]


def code_of(step: int) -> str:
    """The shell code of one step, without the list's indentation."""
    match = re.search(rf"^{step}\. .*?```sh\n(.*?)```", SECTION, re.DOTALL | re.M)
    assert match is not None
    return re.sub(r"^   ", "", match[1], flags=re.M)


def run_as_root(
    code: str, folder: Path, environ: Mapping[str, str] | None = None
) -> None:
    """Run the code as root, with a ``sudo`` that only runs its command.

    ``sidecar`` is on the PATH, too.
    """
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    sidecar = f"PYTHONPATH={REPOSITORY} exec {sys.executable} -m sidecar"
    for name, command in (("sudo", "exec"), ("sidecar", sidecar)):
        (tools / name).write_text(f'#!/bin/sh\n{command} "$@"\n')
        (tools / name).chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env={**(environ or {}), "PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 0, code + result.stdout + result.stderr
