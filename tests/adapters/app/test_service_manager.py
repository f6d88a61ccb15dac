"""Messages to systemd from a real process: readiness, proof of life, the log."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar import __version__
from sidecar.app.service_manager import find_pause_s, tell_service_manager
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State

WATCHDOG_S = 0.6
WITHIN_S = 60.0
# SIGUSR1 keeps the loop's thread busy; the other threads go on.
PROGRAM = """
import os, signal, sys, time
from sidecar.__main__ import main
def be_busy(*_):
    os.write(2, b"the loop is busy\\n")
    time.sleep(60)
signal.signal(signal.SIGUSR1, be_busy)
sys.argv = ["sidecar", "run"]
sys.exit(main())
"""


class Manager:
    """systemd's side of the protocol, and a `sidecar run` that it started."""

    def __init__(self, folder: Path, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        credentials = folder / "credentials"
        credentials.mkdir()
        (credentials / "rpcpassword").write_text("the rpc password\n")
        log_end, self._log = os.pipe()
        pipe = os.fstat(self._log)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={
                "PATH": os.environ["PATH"],
                "DOCKER_HOST": f"unix://{folder}/nobody.sock",
                "ELECTRON_CASH_URL": "http://127.0.0.1:9/",
                "ELECTRON_CASH_TARGET": "electron-cash",
                "ELECTRON_CASH_USER": "bchrpc",
                "ELECTRON_CASH_PASSWORD_FILE": "${CREDENTIALS_DIRECTORY}/rpcpassword",
                "CREDENTIALS_DIRECTORY": str(credentials),
                "SIDECAR_STACK": "shop",
                "SIDECAR_LISTEN": "127.0.0.1:0",
                "SIDECAR_STATE_DIR": str(folder / "state"),
                "NOTIFY_SOCKET": address,
                "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)),
                "JOURNAL_STREAM": f"{pipe.st_dev}:{pipe.st_ino}",
            },
            stderr=self._log,
        )
        os.close(self._log)
        self.journal = os.fdopen(log_end)

    def receive(self, within_s: float = WITHIN_S) -> list[str]:
        """The assignments of the next message."""
        self._socket.settimeout(within_s)
        return self._socket.recv(4096).decode().splitlines()

    def receive_all(self) -> list[list[str]]:
        """The messages that have arrived already."""
        messages = []
        while True:
            try:
                messages.append(self.receive(0.001))
            except TimeoutError:
                return messages

    def close(self) -> None:
        self.process.kill()
        self.process.wait(WITHIN_S)
        self._socket.close()
        self.journal.close()


@pytest.fixture(params=["path", "abstract"])
def manager(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Manager]:
    abstract = f"@sidecar-test-{os.getpid()}-{time.monotonic_ns()}"
    address = abstract if request.param == "abstract" else str(tmp_path / "notify")
    opened = Manager(tmp_path, address)
    yield opened
    opened.close()


def test_manager_learns_of_the_start_of_each_step_and_of_the_end(
    manager: Manager,
) -> None:
    first = manager.receive()
    assert first[:2] == ["READY=1", "WATCHDOG=1"]
    assert first[2].startswith("STATUS=mode act; targets: ")
    began = time.monotonic()
    later = [manager.receive() for _ in range(3)]
    # Without the deadline of systemd, they would be ten seconds apart.
    assert time.monotonic() - began < 20.0
    assert [message[0] for message in later] == ["WATCHDOG=1"] * 3

    manager.process.send_signal(signal.SIGTERM)

    assert manager.process.wait(WITHIN_S) == 0
    assert manager.receive_all()[-1] == ["STOPPING=1"]
    lines = manager.journal.read().splitlines()
    assert f"<6>sidecar {__version__} watches the stack shop in mode act" in lines
    assert any(line.startswith(("<3>", "<4>")) for line in lines)
    assert all(line[0] == "<" and line[2] == ">" for line in lines), lines


@pytest.mark.parametrize("manager", ["path"], indirect=True)
def test_stuck_loop_stops_the_proof_of_life_and_shows_its_stack(
    manager: Manager,
) -> None:
    assert "READY=1" in manager.receive()
    manager.process.send_signal(signal.SIGUSR1)
    assert "the loop is busy\n" in iter(manager.journal.readline, "")
    manager.receive_all()

    with pytest.raises(TimeoutError):
        manager.receive(4 * WATCHDOG_S)

    assert manager.process.poll() is None
    manager.process.send_signal(signal.SIGABRT)
    assert manager.process.wait(WITHIN_S) == -signal.SIGABRT
    assert "Current thread" in manager.journal.read()


class Loop:
    """A loop that completes steps only where a test says so."""

    def __init__(self) -> None:
        self.state = State(started=Moment(mono=0.0, wall=0.0))
        self.last_step_mono = 1.0


async def test_waiting_loop_is_no_proof_of_life_although_tasks_run(
    tmp_path: Path,
) -> None:
    loop, stop = Loop(), asyncio.Event()
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(environ["NOTIFY_SOCKET"])
        manager.setblocking(False)
        telling = asyncio.create_task(tell_service_manager(loop, stop, environ))
        receive = asyncio.get_running_loop().sock_recv
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(manager, 4096), 0.2)

        loop.last_step_mono = 2.0
        first = await asyncio.wait_for(receive(manager, 4096), WITHIN_S)
        assert first.startswith(b"READY=1\nWATCHDOG=1\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(manager, 4096), 0.2)

        stop.set()
        await asyncio.wait_for(telling, WITHIN_S)
        assert await receive(manager, 4096) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "vsock:2:1234"])
async def test_without_a_socket_of_systemd_nothing_is_told(address: str) -> None:
    telling = tell_service_manager(Loop(), asyncio.Event(), {"NOTIFY_SOCKET": address})
    await asyncio.wait_for(telling, WITHIN_S)


async def test_lost_socket_of_systemd_ends_nothing(tmp_path: Path) -> None:
    loop, stop = Loop(), asyncio.Event()
    environ = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "20000"}
    telling = asyncio.create_task(tell_service_manager(loop, stop, environ))
    await asyncio.sleep(0.02)
    loop.last_step_mono = 2.0
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(telling, WITHIN_S)


@pytest.mark.parametrize(
    ("watchdog_us", "pause_s"),
    [("60000000", 10.0), ("3000000", 1.5), ("", 10.0), ("0", 10.0), ("soon", 10.0)],
)
def test_pause_is_half_of_the_deadline_at_most(
    watchdog_us: str, pause_s: float
) -> None:
    assert find_pause_s({"WATCHDOG_USEC": watchdog_us}) == pause_s
