"""Commands of Docker Compose for a project of a test."""

import subprocess
from pathlib import Path


def run_compose(project: str, folder: Path, *command: str) -> str:
    """The output of a compose command; the file is the folder's compose.yaml."""
    result = subprocess.run(
        ["docker", "compose", "-p", project, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr
