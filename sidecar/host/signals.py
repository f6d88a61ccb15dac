"""Signals that a container's main process handles, from the host's ``/proc``."""

import signal
from pathlib import Path

from sidecar.host import PROC

_BYTES = 64 * 1024


def catches_sigterm(pid: int, container_id: str, proc: Path = PROC) -> bool | None:
    """Does the process handle SIGTERM? None: it cannot be seen from here.

    The process counts only if its control group names the container: in another
    namespace the same number is another process.
    """
    if not pid or not container_id:
        return None
    folder = proc / str(pid)
    try:
        if container_id not in _read(folder / "cgroup"):
            return None
        lines = _read(folder / "status").splitlines()
        mask = next(line for line in lines if line.startswith("SigCgt:"))
        handled = int(mask.partition(":")[2], 16)
    except (OSError, ValueError, StopIteration):
        return None
    return bool(handled & (1 << (signal.SIGTERM - 1)))


def _read(path: Path) -> str:
    with path.open("rb") as opened:
        return opened.read(_BYTES).decode(errors="replace")
