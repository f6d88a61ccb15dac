"""One sidecar per state directory."""

import fcntl
import os
from pathlib import Path

from sidecar.core.ports.storage import StoreInUse, StoreUnusable

LOCK_FILE = "sidecar.lock"


class StateLock:
    """A lock that is held from its creation until ``release`` or the process's end.

    StoreInUse where another process holds it; StoreUnusable where the
    directory cannot be written.
    """

    def __init__(self, state_dir: Path) -> None:
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = state_dir / LOCK_FILE
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreUnusable(
                f"the state directory {state_dir} cannot be used: {error.strerror}. "
                "Make it writable for the sidecar's user, or name another one in "
                "SIDECAR_STATE_DIR"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise StoreInUse(
                f"another sidecar uses the state directory {state_dir}: stop it, or "
                "name another directory in SIDECAR_STATE_DIR"
            ) from error

    def release(self) -> None:
        """Release the lock for the next sidecar."""
        os.close(self._descriptor)
