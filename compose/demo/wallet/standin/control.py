"""The control port: faults on and off, and what was observed.

    GET    /faults
    PUT    /faults/NAME   {"on": true, "seconds": 30}, both optional; or "count": 2
    DELETE /faults        all off
    GET    /calls         methods and connections since the start, or since DELETE
    DELETE /calls
    GET    /state         the process, the current wallet, each loaded wallet by path
    PUT    /wallets       {"path": "/data/other", "password": "x"}: a new wallet file;
                          encrypted with a password; nothing is loaded
    PUT    /balance       {"confirmed": "2.5"}: as if payments were made; saved at once

For demo and tests only: it asks for no password. Never publish it.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standin import wallet_file
from standin.callers import LOOPBACK, Callers, make_network_call
from standin.commands import Commands
from standin.faults import KINDS, Faults
from standin.observed import Observed
from standin.settings import Settings
from standin.wallet_file import Wallet

PID_1_CANNOT_STOP = (
    "the kernel ignores a SIGSTOP that comes from inside to PID 1: "
    "use docker kill --signal STOP"
)
PARTS = frozenset({"confirmed", "unconfirmed", "unmatured"})
# Lets the control port's own answer leave before the process stops or ends.
ANSWER_FIRST = 0.1


class Refused(Exception):
    """A request that cannot be fulfilled, with its HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Control(ThreadingHTTPServer):
    """A server with threads of its own, so that it answers while the RPC is held."""

    daemon_threads = True

    def __init__(
        self, settings: Settings, faults: Faults, commands: Commands, observed: Observed
    ) -> None:
        self.faults = faults
        self.observed = observed
        self._settings = settings
        self._commands = commands
        self._callers = Callers(settings, faults)
        self._actions = {
            "callers": self._callers.start_missing,
            "network_call": self._make_network_call,
            "silent_client": self._be_silent_client,
            "stop_process": self._stop_process,
            "die": self._die,
        }
        super().__init__((settings.control_host, settings.control_port), Handler)
        self._callers.start_missing()

    def switch(self, name: str, *, on: bool, number: float | None) -> None:
        """Raises Refused for an unknown or impossible fault."""
        if name not in KINDS:
            raise Refused(404, f"no such fault; known: {' '.join(KINDS)}")
        if name == "stop_process" and os.getpid() == 1:
            raise Refused(
                409,
                PID_1_CANNOT_STOP,
            )
        self.faults.switch(name, on=on, number=number)
        if on and name in self._actions:
            threading.Thread(target=self._actions[name], daemon=True).start()

    def state(self) -> dict[str, object]:
        """The process and what is loaded."""
        wallets = self._commands.wallets
        wallet = wallets.current
        return {
            "pid": os.getpid(),
            "wallets": list(wallets.by_path),
            "current": str(wallet.path) if wallet else None,
            "addresses": wallet.addresses if wallet else [],
            "balance": wallet.balance if wallet else {},
            "loaded": {p: describe(w) for p, w in list(wallets.by_path.items())},
        }

    def make_wallet(self, path: object, password: object) -> None:
        """Create a wallet file; Refused for a relative path or an existing file."""
        if not isinstance(path, str) or not Path(path).is_absolute():
            raise Refused(400, "a wallet has an absolute path")
        if not isinstance(password, str | None):
            raise Refused(400, "a password is a text")
        if Path(path).exists():
            raise Refused(409, f"{path} exists")
        wallet_file.create(Path(path), password)

    def pay(self, balance: object) -> None:
        """Change the balance; Refused for an invalid balance or without a wallet."""
        wallet = self._commands.wallets.current
        if wallet is None:
            raise Refused(409, "no wallet is loaded")
        if not isinstance(balance, dict) or not set(balance) <= PARTS:
            raise Refused(400, f"a balance has the parts {' '.join(sorted(PARTS))}")
        if not all(isinstance(amount, str) for amount in balance.values()):
            raise Refused(400, "amounts are texts, in whole coins")
        wallet.set_balance(balance)
        wallet.save()

    def _make_network_call(self) -> None:
        # Other faults may answer it badly; only the held thread matters.
        with contextlib.suppress(OSError, http.client.HTTPException):
            make_network_call(self._settings, self.faults)
        self.faults.switch("network_call", on=False)

    def _be_silent_client(self) -> None:
        with socket.create_connection((LOOPBACK, self._settings.rpc_port), timeout=5):
            self.faults.hold("silent_client")
        self.faults.switch("silent_client", on=False)

    def _stop_process(self) -> None:
        seconds = self.faults.seconds("stop_process")
        time.sleep(ANSWER_FIRST)
        self.faults.switch("stop_process", on=False)
        process_id = os.getpid()
        if not seconds:
            os.kill(process_id, signal.SIGSTOP)
            return
        # One shell does both: a late stop by this process would come after its end.
        commands = f"kill -STOP {process_id}; sleep {seconds}; kill -CONT {process_id}"
        subprocess.Popen(["/bin/sh", "-c", commands])  # noqa: S603

    def _die(self) -> None:
        time.sleep(ANSWER_FIRST)
        os._exit(1)


def describe(wallet: Wallet) -> dict[str, object]:
    """One wallet in memory; a signal loses its unsaved changes."""
    return {
        "addresses": wallet.addresses,
        "balance": wallet.balance,
        "synchronized": wallet.synchronized,
        "unsaved": wallet.has_unsaved_changes,
    }


class Handler(BaseHTTPRequestHandler):
    """JSON in, JSON out."""

    server: Control
    timeout = 5

    def do_GET(self) -> None:
        """`/faults`, `/calls` and `/state`."""
        views = {
            "/faults": self.server.faults.snapshot,
            "/calls": self.server.observed.snapshot,
            "/state": self.server.state,
        }
        view = views.get(self.path)
        if view is None:
            self._answer(404, {"error": f"known: {' '.join(views)}"})
        else:
            self._answer(200, view())

    def do_PUT(self) -> None:
        """`/faults/NAME`, `/balance` and `/wallets`."""
        try:
            body = json.loads(
                self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}"
            )
            answer = self._answer_put(body)
        except Refused as refused:
            self._answer(refused.status, {"error": str(refused)})
        except (ValueError, AttributeError):
            self._answer(400, {"error": 'expected {"on": true, "seconds": 30}'})
        else:
            self._answer(200, answer)

    def _answer_put(self, body: dict[str, Any]) -> object:
        if self.path == "/balance":
            self.server.pay(body)
            return self.server.state()
        if self.path == "/wallets":
            self.server.make_wallet(body.get("path"), body.get("password"))
            return self.server.state()
        return self._put_fault(body)

    def _put_fault(self, body: dict[str, Any]) -> object:
        number = body.get("count", body.get("seconds"))
        self.server.switch(
            self.path.removeprefix("/faults/"),
            on=body.get("on", True),
            number=float(number) if number else None,
        )
        return self.server.faults.snapshot()

    def do_DELETE(self) -> None:
        """`/faults`: all off. `/calls`: forget them."""
        removals = {
            "/faults": self.server.faults.all_off,
            "/calls": self.server.observed.forget,
        }
        removal = removals.get(self.path)
        if removal is None:
            self._answer(404, {"error": f"known: {' '.join(removals)}"})
            return
        removal()
        self._answer(200, {})

    def log_message(self, *_: object) -> None:
        """Write no access log."""

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
