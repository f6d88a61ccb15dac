"""The daemon's lock, removed only by a clean stop: `((host, port), start_time)`."""

import ast
import contextlib
import os
import time

import jsonrpclib

from standin.settings import Settings

YOUNG = 2.0
ATTEMPTS = 5


class AlreadyRunning(Exception):
    """An older daemon answers at the recorded address."""


class Lockfile:
    """The lock file, created before the server opens; a stale one is replaced."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_dir / "daemon"
        self._settings = settings

    def acquire(self) -> None:
        """Raises AlreadyRunning while another daemon answers."""
        for _ in range(ATTEMPTS):
            with contextlib.suppress(FileExistsError):
                os.close(
                    os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
                )
                return
            if self._other_daemon_answers():
                raise AlreadyRunning
            self.remove()
        raise SystemExit(
            f"Unable to open/create lockfile at {self._path} after {ATTEMPTS} attempts."
        )

    def record(self, address: tuple[str, int]) -> None:
        """Says where this daemon answers, for the next one to ask."""
        self._path.write_text(repr((address, time.time())))

    def remove(self) -> None:
        """Remove the lock; done by a clean stop only."""
        self._path.unlink(missing_ok=True)

    def _other_daemon_answers(self) -> bool:
        """Whether another daemon answers; repeated while its lock is young."""
        while True:
            started = None
            with contextlib.suppress(Exception):
                (host, port), started = ast.literal_eval(self._path.read_text())
                self._call_ping(host, port)
                return True
            if started is None or abs(time.time() - started) > YOUNG:
                return False
            time.sleep(1.0)

    def _call_ping(self, host: str, port: int) -> None:
        # Without a deadline, like the real one: a mute listener hangs the start.
        credentials = f"{self._settings.rpc_user}:{self._settings.rpc_password}"
        jsonrpclib.ServerProxy(f"http://{credentials}@{host}:{port}").ping()
