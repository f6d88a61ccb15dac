"""Handled signals of a process, read from the real ``/proc``."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecar.host.signals import catches_sigterm

OWN_GROUP = Path("/proc/self/cgroup").read_text().strip()
HANDLES = "import signal; signal.signal(signal.SIGTERM, print)"
IGNORES = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@contextmanager
def run_python(code: str) -> Iterator[int]:
    """The id of a process that has executed the code."""
    command = [sys.executable, "-c", f"{code}; print('ready', flush=True); input()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.kill()


@pytest.mark.parametrize(
    ("code", "catches"), [(HANDLES, True), (IGNORES, False), ("0", False)]
)
def test_handler_of_sigterm_is_seen(code: str, catches: bool) -> None:
    with run_python(code) as pid:
        assert catches_sigterm(pid, OWN_GROUP) is catches


def test_process_of_another_container_is_not_judged() -> None:
    with run_python(HANDLES) as pid:
        assert catches_sigterm(pid, "f" * 64) is None


def test_process_that_is_gone_or_unknown_is_not_judged(tmp_path: Path) -> None:
    assert catches_sigterm(0, OWN_GROUP) is None
    assert catches_sigterm(1, OWN_GROUP, tmp_path) is None
