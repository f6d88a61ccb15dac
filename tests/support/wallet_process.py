"""The wallet stand-in as a process of its own, with its RPC and its control port."""

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tests.support.repository import REPOSITORY
from tests.support.reserved_port import ReservedPort

WALLET = REPOSITORY / "compose" / "demo" / "wallet"
USER, PASSWORD = "bchrpc", "right"
DEADLINE = 30.0

Json: TypeAlias = Any


def eventually(condition: Callable[[], bool], within: float = DEADLINE) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within, "the deadline passed"
        time.sleep(0.01)
    return time.monotonic() - started


@dataclass
class Answer:
    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: str

    @property
    def json(self) -> Json:
        return json.loads(self.body)


@dataclass
class Daemon:
    data_dir: Path
    env: dict[str, str]
    reserved_rpc: ReservedPort = field(default_factory=ReservedPort)
    reserved_control: ReservedPort = field(default_factory=ReservedPort)
    process: subprocess.Popen[bytes] | None = None

    @property
    def rpc_port(self) -> int:
        return self.reserved_rpc.number

    @property
    def control_port(self) -> int:
        return self.reserved_control.number

    def run(self, **env: str) -> "Daemon":
        self.process = subprocess.Popen(
            [sys.executable, WALLET / "wallet.py", "daemon"], env=self.environment(env)
        )
        return self

    def start(self, **env: str) -> "Daemon":
        self.run(**env)
        eventually(self.listens)
        return self

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        own = {
            "RPC_HOST": "127.0.0.1",
            "CONTROL_HOST": "127.0.0.1",
            "RPC_PORT": str(self.rpc_port),
            "CONTROL_PORT": str(self.control_port),
            "RPC_PASSWORD": PASSWORD,
            "DATA_DIR": str(self.data_dir),
            "BOOT_SECONDS": "0",
        }
        return os.environ | own | self.env | more

    def restart(self) -> "Daemon":
        """Restart as if some time after a kill: the lock file is old by then."""
        self.kill()
        address = ("127.0.0.1", self.rpc_port)
        (self.data_dir / "daemon").write_text(repr((address, time.time() - 60)))
        return self.start()

    def threads(self) -> int:
        assert self.process is not None
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.rpc_port), timeout=1).close()
            return True
        return False

    def post(
        self,
        body: object,
        *,
        user: str | None = USER,
        password: str = PASSWORD,
        verb: str = "POST",
        path: str = "/",
        within: float = DEADLINE,
    ) -> Answer:
        headers = {} if user is None else {"Authorization": basic(user, password)}
        data = body if isinstance(body, str) else json.dumps(body)
        return ask(self.rpc_port, verb, path, data, headers, within)

    def call(self, method: str, *params: object, within: float = DEADLINE) -> Json:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        return self.post(body, within=within).json

    def ask_rpc(self, method: str, params: object) -> Json:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.post(body).json

    def subcommand(self, name: str, **options: object) -> Json:
        return self.result("daemon", {"subcommand": name, **options})

    def loaded_wallets(self) -> list[str]:
        return list(self.result("getinfo")["wallets"])

    def state(self) -> Json:
        return self.control("GET", "/state")

    def make_wallet(self, name: str, password: str | None = None) -> str:
        path = str(self.data_dir / "wallets" / name)
        self.control("PUT", "/wallets", {"path": path, "password": password})
        return path

    def result(self, method: str, *params: object) -> Json:
        return self.call(method, *params)["result"]

    def control(self, verb: str, path: str, body: object = None) -> Json:
        answer = ask(
            self.control_port, verb, path, json.dumps(body or {}), {}, DEADLINE
        )
        assert answer.status == 200, answer.body
        return answer.json

    def fault(
        self,
        name: str,
        *,
        on: bool = True,
        seconds: float | None = None,
        count: int | None = None,
    ) -> None:
        number = {"seconds": seconds} if count is None else {"count": count}
        self.control("PUT", f"/faults/{name}", {"on": on, **number})

    def fault_command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        result = self._run_fault_command(*arguments)
        # The command itself waits for 5 s only.
        if "does not answer" in result.stderr:
            result = self._run_fault_command(*arguments)
        return result

    def _run_fault_command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, WALLET / "wallet.py", "fault", *arguments],
            env=self.environment({}),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def is_connected(self) -> bool:
        return bool(self.result("getinfo")["connected"])

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait_for_exit(self) -> int:
        assert self.process is not None
        return self.process.wait(DEADLINE)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE)


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def ask(
    port: int, verb: str, path: str, body: str, headers: dict[str, str], within: float
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=within)
    try:
        connection.request(verb, path, body, headers)
        response = connection.getresponse()
        return Answer(
            response.status, response.reason, response.headers, response.read().decode()
        )
    finally:
        connection.close()
