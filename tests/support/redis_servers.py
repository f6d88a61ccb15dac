"""Real servers of the lease, as processes: Redis and Valkey of several versions."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.repository import REPOSITORY
from tests.support.reserved_port import ReservedPort

SERVERS = REPOSITORY / ".servers"
"""scripts/redis puts them there."""
UP_S = 60.0


def server_names() -> list[str]:
    """The servers that are there; "redis" if none is, so that a test says so."""
    names = [p.name for p in SERVERS.glob("*") if p.is_file()]
    return sorted(names) or ["redis"]


class RedisServer:
    """One server without persistence; it can be killed, frozen and started again.

    ``options`` are added to its command, with ``{port}`` for its port.
    """

    def __init__(self, name: str, folder: Path, *options: str) -> None:
        self._program = SERVERS / name
        assert self._program.exists(), "run scripts/redis first"
        self._folder = folder
        self._options = options
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [
            *(str(self._program), "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
            *(option.format(port=self.port) for option in self._options),
        ]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + UP_S
        while not self._accepts():
            assert self._process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.02)

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it; everything that it knew is lost."""
        if self._process is not None:
            self.signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)


@contextmanager
def run_redis_server(
    folder: Path, name: str = "redis", *options: str
) -> Iterator[RedisServer]:
    server = RedisServer(name, folder, *options)
    try:
        server.start()
        yield server
    finally:
        server.kill()
