"""Steps of the README, as shell code."""

import os
import re
import subprocess
from pathlib import Path

from tests.support.repository import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
SECTION = README.partition("## Guard your own stack")[2].partition("\n## ")[0]


def code_of(step: int) -> str:
    """The shell code of one step, without the list's indentation."""
    match = re.search(rf"^{step}\. .*?```sh\n(.*?)```", SECTION, re.DOTALL | re.M)
    assert match is not None
    return re.sub(r"^   ", "", match[1], flags=re.M)


def run_as_root(code: str, folder: Path) -> None:
    """Run the code as root, with a ``sudo`` that only runs its command."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "sudo").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    environ = {"PATH": path, "HOME": str(folder)}
    subprocess.run(
        ["bash", "-euc", code], cwd=folder, env=environ, check=True, timeout=20.0
    )
