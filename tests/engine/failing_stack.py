"""A sidecar process, a simulated engine and real targets that fail on demand."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from typing_extensions import override

from tests.engine.monitoring import wait_for
from tests.support.engine_server import frame_output, raw_container, raw_event
from tests.support.repository import REPOSITORY
from tests.support.sidecar_host import TOKEN, SidecarHost, own_host

Json = dict[str, Any]

WALLET, GATEWAY, SHOP = "electron-cash", "gateway", "shop"
WALLET_FILE = "/data/wallets/default_wallet"
LOCKED, LOOPER, BARRED, BLIND = "locked", "looper", "barred", "blind"
PARKED, FICKLE, GREEDY, UNCHECKED = "parked", "fickle", "greedy", "unchecked"
HUNGRY, TALKER, DRILLED = "hungry", "talker", "drilled"
TASK = "vacuum"
"""A maintenance task that asks the server of the targets; its path fails at first."""
HTTP_TARGETS = (
    GATEWAY,
    SHOP,
    LOCKED,
    BARRED,
    BLIND,
    PARKED,
    FICKLE,
    GREEDY,
    DRILLED,
)
NAMES = (WALLET, LOOPER, UNCHECKED, HUNGRY, TALKER, *HTTP_TARGETS)
IDS = {name: f"{number:064x}" for number, name in enumerate(NAMES, start=16)}
WALLET_PROGRAM = REPOSITORY / "compose" / "demo" / "wallet" / "wallet.py"
USER, PASSWORD = "bchrpc", "rpc-password-of-the-test"
GOOD_ANSWERS, FICKLE_RESTARTS = 3, 4
"""Good answers of the target ``fickle`` after each restart, and the restart that cures.

More would use up the ten restarts an hour that the wallet daemon needs as well.
"""

SHORT_RUN_S = 0.2
"""Length of each run of the target ``looper``."""

TIMINGS = {
    "interval": "800ms",
    "fast_interval": "300ms",
    "timeout": "3s",
    "start_period": "0s",
}
RESTART = {
    "budget": 1,
    "window": "1h",
    "backoff": "500ms",
    "slow_lane": ["3s"],
    "stop_timeout": "1s",
    "dead_stop_timeout": "1s",
    "recovery_timeout": "1s",
    "self_restart_grace": "0s",
}
TWO_STARTS = {**RESTART, "budget": 2, "slow_lane": ["1h"]}
"""Three ends in a row are a crash loop; the stack has ten restarts an hour."""
LEAK_BYTES_PER_S, LIMIT_AHEAD_S = 2**22, 8.0
"""Growth of the memory of the target ``hungry``, and the time left to its limit.

The limit moves with the memory: the forecast stays, however slow the machine is.
"""
ENDLESS = {**RESTART, "budget": 30, "window": "12h"}


class Targets(ThreadingHTTPServer):
    """The HTTP targets, one path each, and two receivers of hooks."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 8080), _Handler)
        self.statuses = dict.fromkeys(HTTP_TARGETS, 200)
        self.good_answers = 0
        """While positive, ``fickle`` answers well and this is counted down."""
        self.fickle_restarts = 0
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, name: str) -> int:
        """The status of the next answer of a target."""
        if name == FICKLE and self.good_answers > 0:
            self.good_answers -= 1
            return 200
        return self.statuses.get(name, 404)

    def restart_fickle(self) -> None:
        """``fickle`` works for a moment, and from the last restart on for good."""
        self.good_answers = GOOD_ANSWERS
        self.fickle_restarts += 1
        if self.fickle_restarts == FICKLE_RESTARTS:
            self.statuses[FICKLE] = 200


class _Handler(BaseHTTPRequestHandler):
    server: Targets

    def do_GET(self) -> None:
        status = 200 if self.path == "/metrics" else self._status()
        self._send(status, b"another_metric 1\n")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._send(self._status(), b"")

    def _status(self) -> int:
        return self.server.answer(self.path.strip("/"))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *args: object) -> None:
        """Nothing: the requests are of no interest."""


class FailingStack:
    """The stack; its processes end with ``processes``."""

    def __init__(self, folder: Path, processes: ExitStack) -> None:
        self._processes = processes
        self._folder = folder
        self._wallet_host, target_host, self._late_host = (
            own_host(),
            own_host(),
            own_host(),
        )
        self.targets = Targets(target_host)
        processes.callback(self.targets.server_close)
        processes.callback(self.targets.shutdown)
        self.targets_address = f"{target_host}:8080"
        self.host = SidecarHost(folder, processes)
        self.host.engine.on_act = self._act
        self.host.engine.memory = self._read_memory
        self._leak_began_mono: float | None = time.monotonic()
        for name in NAMES:
            self.host.engine.add(_container(name))
        self.container(PARKED)["State"]["Status"] = "created"
        self.host.engine.start()
        processes.callback(self.host.engine.stop)
        self._wallet_folder = folder / "wallet"
        self._start_wallet()
        self._write_settings()
        self.start_sidecar()

    def container(self, name: str) -> Json:
        """A container as the engine reports it."""
        return self.host.engine.containers[IDS[name]]

    def state_of(self, name: str) -> str:
        """The state of a target, as Sidecar reports it."""
        return str(self.host.target(name).get("state"))

    def wait_states(self, state: str, *names: str) -> None:
        """Wait until all these targets are in a state."""
        wait_for(
            f"{', '.join(names)}: {state}",
            lambda: {self.state_of(name) for name in names} == {state},
        )

    # --- the sidecar

    def start_sidecar(self) -> None:
        """Start the sidecar with its file as it is, and wait until it answers."""
        self.sidecar = self.host.start_serving(
            SIDECAR_CONFIG=str(self._folder / "sidecar.yaml"), SIDECAR_API_TOKEN=TOKEN
        )

    def kill_sidecar(self) -> None:
        """Kill the sidecar, as by kill -9."""
        self.sidecar.kill()
        self.sidecar.wait(10)

    @contextmanager
    def sidecar_stopped(self) -> Iterator[None]:
        """The sidecar's process is stopped meanwhile, as on an overloaded host."""
        self.sidecar.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.sidecar.send_signal(signal.SIGCONT)

    def acknowledge(self, cause: str) -> None:
        """Acknowledge the open incidents of a cause."""
        incidents = self.host.get("/api/v1/incidents?open=1").json["incidents"]
        for incident in incidents:
            if incident["cause"] == cause:
                assert self.order(f"/api/v1/incidents/{incident['id']}/ack") == 200

    def order(self, path: str) -> int:
        """Send an order with the token; returns the status of the answer."""
        return self.host.post(path, Authorization=f"Bearer {TOKEN}").status

    def drill(self) -> None:
        """Begin a drill whose objective nobody can meet."""
        path = f"/api/v1/targets/{DRILLED}/drill"
        order = b'{"fault": "refuse", "yes": true}'
        headers = {"Authorization": f"Bearer {TOKEN}"}
        wait_for(
            "the drill begins",
            lambda: self.host.post_json(path, order, headers).status == 202,
        )

    def damage_settings(self) -> None:
        """Write a file with a fault."""
        (self._folder / "sidecar.yaml").write_text("targets: 5")

    def reload(self) -> None:
        """Give the sidecar the right file again."""
        self._write_settings()
        assert self.order("/api/v1/reload") == 200

    @contextmanager
    def store_locked(self) -> Iterator[None]:
        """The store cannot be written meanwhile."""
        path = self._folder / "state" / "sidecar.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    def _write_settings(self) -> None:
        self.host.config(
            defaults=TIMINGS,
            targets=self._target_settings(),
            maintenance={"tasks": {TASK: self._task_settings()}},
            hooks=[
                {"on": "opened", "post": f"http://{self._late_host}:8080/shop"},
                {"on": "opened", "post": f"http://{self.targets_address}/gone"},
            ],
        )

    def _task_settings(self) -> Json:
        url = f"http://{self.targets_address}/{TASK}"
        return {"type": "http", "url": url, "method": "POST", "every": "quarterly"}

    def _target_settings(self) -> Json:
        targets: Json = {
            name: {
                "probe": {
                    "type": "http",
                    "url": f"http://{self.targets_address}/{name}",
                },
                "restart": RESTART,
            }
            for name in HTTP_TARGETS
        }
        targets[SHOP] |= {"depends_on": [GATEWAY], "settle": "1s"}
        for name in (FICKLE, GREEDY, BARRED, DRILLED):
            targets[name] |= {"restart": ENDLESS}
        targets[DRILLED] |= {"objective": {"detect": "1ms"}}
        targets[LOOPER] = {"probe": {"type": "running"}, "restart": TWO_STARTS}
        # Its container has no health check, until it is repaired.
        targets[UNCHECKED] = {"probe": {"type": "docker"}}
        targets[HUNGRY] = {"probe": {"type": "memory", "every": "100ms"}}
        log = {"type": "log", "patterns": ["^error:"], "cooldown": "1s"}
        targets[TALKER] = {"probe": [{"type": "running"}, log]}
        targets[WALLET] = {
            "probe": {
                "type": "electron_cash",
                "url": f"http://{self._wallet_host}:7777/",
                "username": USER,
                "password": PASSWORD,
                "expose_balance": True,
                "upstream_grace": "1s",
            },
            "restart": RESTART,
            "preventive": {"cron": "0 3 * * *"},
            "backup": {"path": WALLET_FILE, "cron": "0 2 * * *"},
        }
        return targets

    def _read_memory(self, container_id: str) -> Json:
        """Memory that grows in one container, until it is repaired."""
        grown = 0.0
        if container_id == IDS[HUNGRY] and self._leak_began_mono is not None:
            grown = (time.monotonic() - self._leak_began_mono) * LEAK_BYTES_PER_S
        anonymous = 2**20 + int(grown)
        return {
            "usage": anonymous + 2**18,
            "limit": anonymous + int(LIMIT_AHEAD_S * LEAK_BYTES_PER_S),
            "stats": {"anon": anonymous, "inactive_file": 0, "active_file": 0},
        }

    # --- faults

    def break_targets(self) -> None:
        """Break the targets, each in its own way, but not ``greedy``.

        The wallet daemon is left alone as well: Sidecar would decide about it first.
        """
        self.targets.statuses |= {
            GATEWAY: 500,
            SHOP: 500,
            LOCKED: 401,
            BARRED: 500,
            FICKLE: 500,
        }
        engine = self.host.engine
        engine.say[f"/{IDS[BARRED]}/restart"] = (403, b'{"message": "not allowed"}')
        engine.say[f"/{IDS[BLIND]}/json"] = (500, b'{"message": "cannot read"}')
        self._let_end(self.container(LOOPER))
        # Only the log of ``talker`` is followed.
        wait_for("the log is followed", lambda: engine.followers == 1)
        engine.write_log(frame_output(f"{_now()} error: no answer\n".encode()))

    def repair_targets(self) -> None:
        """Repair all targets, as an operator does."""
        self.targets.statuses |= dict.fromkeys((*HTTP_TARGETS, TASK), 200)
        self.host.engine.say.clear()
        self.wallet_fault("upstream_lost", on=False)
        self._leak_began_mono = None
        for name in (LOOPER, PARKED, HUNGRY):
            _begin_run(self.container(name))
            self._publish("start", name)
        self.container(UNCHECKED)["State"]["Health"] = {
            "Status": "healthy",
            "FailingStreak": 0,
            "Log": [],
        }
        self._publish("health_status: healthy", UNCHECKED)

    def mend_receiver(self) -> None:
        """Start the receiver of the first hook."""
        receiver = Targets(self._late_host)
        self._processes.callback(receiver.server_close)
        self._processes.callback(receiver.shutdown)

    def wallet_fault(self, name: str, *, on: bool) -> None:
        """Switch a fault of the wallet daemon."""
        url = f"http://{self._wallet_host}:7778/faults/{name}"
        assert requests.put(url, json={"on": on}, timeout=5).ok

    def kill_wallet(self) -> None:
        """Kill the wallet daemon, before it has saved its last address."""
        self._wallet.kill()
        self._wallet.wait(10)
        path = self._wallet_folder / "wallets" / "default_wallet"
        contents = json.loads(path.read_text())
        contents["addresses"].pop()
        path.write_text(json.dumps(contents))

    def _start_wallet(self) -> None:
        """Start the wallet daemon; a lock file of a killed one is old by now."""
        host, folder = self._wallet_host, self._wallet_folder
        folder.mkdir(exist_ok=True)
        if (folder / "daemon").exists():
            lock = repr(((host, 7777), time.time() - 60))
            (folder / "daemon").write_text(lock)
        settings = {
            "RPC_HOST": host,
            "CONTROL_HOST": host,
            "RPC_USER": USER,
            "RPC_PASSWORD": PASSWORD,
            "DATA_DIR": str(folder),
            "BOOT_SECONDS": "0",
        }
        self._wallet = self._processes.enter_context(
            subprocess.Popen(
                [sys.executable, WALLET_PROGRAM, "daemon"],
                env=os.environ | settings,
                stderr=subprocess.DEVNULL,
            )
        )
        self._processes.callback(self._wallet.kill)

    # --- the engine

    def _act(self, raw: Json, verb: str) -> None:
        """Carry out an order of the sidecar on a container."""
        name = raw["Config"]["Labels"]["com.docker.compose.service"]
        if verb == "restart":
            self._publish("die", name, exitCode="0")
        _begin_run(raw)
        self._publish("start", name)
        if name == LOOPER:
            threading.Timer(SHORT_RUN_S, self._let_end, [raw]).start()
        if name == WALLET:
            self._start_wallet()
        if name == FICKLE:
            self.targets.restart_fickle()

    def _let_end(self, raw: Json) -> None:
        raw["State"] |= {"Status": "exited", "ExitCode": 1, "FinishedAt": _now()}
        self._publish("die", LOOPER, exitCode="1")

    def _publish(self, action: str, name: str, **attributes: str) -> None:
        event = raw_event(action, IDS[name], time.time_ns(), **attributes)
        self.host.engine.publish(event)


def _container(name: str) -> Json:
    raw = raw_container(
        IDS[name], stack="shop", service=name, StartedAt="2020-01-01T00:00:00Z"
    )
    raw["State"]["Pid"] = os.getpid()
    return raw


def _begin_run(raw: Json) -> None:
    raw["State"] |= {"Status": "running", "ExitCode": 0, "StartedAt": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
