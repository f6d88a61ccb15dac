"""Sidecar processes beside a fake engine."""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.engine_server import EngineServer, raw_container

OWN_ID = "0123456789ab"
WALLET_ID = "a" * 64
TOKEN = "open-sesame-api"
DEADLINE_S = 60.0
QUICK = {"interval": "1s", "fast_interval": "500ms", "start_period": "0s"}


class Answer(NamedTuple):
    """Status and body of an answer; status 0 where nobody answered."""

    status: int
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.text)


class SidecarHost:
    """An engine with the sidecar's own container in it, and sidecars beside it."""

    def __init__(self, folder: Path, processes: ExitStack) -> None:
        self.folder = folder
        self.engine = EngineServer(folder / "engine.sock")
        self.engine.add(raw_container(OWN_ID, stack="shop", service="sidecar"))
        self.url = f"http://{own_host()}:9787"
        self.environ = {
            "PATH": os.environ["PATH"],
            "DOCKER_HOST": f"unix://{folder}/engine.sock",
            "HOSTNAME": OWN_ID,
            "SIDECAR_LISTEN": self.url.removeprefix("http://"),
            "SIDECAR_STATE_DIR": str(folder / "state"),
        }
        self.log_lines: list[str] = []
        self._log_readers: dict[int, threading.Thread] = {}
        self._processes = processes

    def config(self, **settings: object) -> str:
        """Write the configuration file and return its path."""
        file = self.folder / "sidecar.yaml"
        file.write_text(json.dumps(settings))
        return str(file)

    def start(self, **environ: str) -> subprocess.Popen[str]:
        process = self._processes.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "sidecar", "run"],
                env=self.environ | environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        self._processes.callback(process.kill)
        return process

    def start_serving(self, **environ: str) -> subprocess.Popen[str]:
        """Start a process, wait until it answers, and keep its log."""
        process = self.start(**environ)
        reader = threading.Thread(target=self._read_log, args=(process,), daemon=True)
        reader.start()
        self._log_readers[process.pid] = reader
        # At the end the process is killed, its log is read, then it is closed.
        self._processes.callback(reader.join, DEADLINE_S)
        self._processes.callback(process.kill)
        self.until("it answers", lambda: self.get("/livez").status == 200)
        return process

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.log_lines.extend(process.stderr)

    def stop(self, process: subprocess.Popen[str]) -> int:
        """Send SIGTERM; return the exit code once the log is read to its end."""
        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(DEADLINE_S)
        self._log_readers[process.pid].join(DEADLINE_S)
        return exit_code

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, **headers: str) -> Answer:
        return self.post_json(path, b"{}", headers)

    def post_json(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        return self._ask(
            urllib.request.Request(self.url + path, body, headers, method="POST")
        )

    def _ask(self, request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=30.0) as answer:
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, refused.read().decode())
        except OSError:
            return Answer(0, "")

    def until(self, description: str, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, f"not within {DEADLINE_S} s: {description}"
            time.sleep(0.05)

    def wait_until_ready(self) -> None:
        self.until("it is ready", lambda: self.get("/readyz").status == 200)

    def target(self, name: str) -> dict[str, Any]:
        targets = self.get("/api/v1/status").json["targets"]
        return next((one for one in targets if one["name"] == name), {})


def own_host() -> str:
    """A loopback address that no other process uses: each port of it is free."""
    return ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])


def wait_for_exit(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and error output of a process, once it has ended."""
    _, output = process.communicate(timeout=DEADLINE_S)
    return process.returncode, output
