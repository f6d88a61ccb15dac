"""What is in the wallet, before a restart on the real engine and after it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import override

from tests.engine.harness import (
    API_TOKEN,
    DEADLINE_S,
    WALLET,
    Json,
    Stack,
    wallet_config,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

HELD = {"confirmed": "1.5", "unconfirmed": "0.25", "unmatured": "0"}
UNMISTAKABLE = "0.00000001"
PAID = {"confirmed": "2.5", "unconfirmed": "0.25", "unmatured": UNMISTAKABLE}
WITH_TOKEN = {"Authorization": f"Bearer {API_TOKEN}"}


class Inbox(ThreadingHTTPServer):
    """Takes the messages of ``json://`` on an address that containers reach."""

    daemon_threads = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _Taker)
        self.messages: list[Json] = []

    @property
    def url(self) -> str:
        """As a channel has it."""
        host, port = self.server_address[:2]
        return f"json://{host!s}:{port}/"


class _Taker(BaseHTTPRequestHandler):
    server: Inbox
    timeout = 5

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.messages.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        """Silent: the messages are what matters."""


@pytest.fixture
def inbox(stack: Stack) -> Iterator[Inbox]:
    network = stack.client.networks.get(stack.network.name)
    (ours,) = network.attrs["IPAM"]["Config"]
    server = Inbox(ours["Gateway"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join(timeout=5.0)
    server.server_close()


def told(inbox: Inbox) -> Json:
    """Settings by which a P2 alone is told."""
    routes: dict[str, list[str]] = {"P0": [], "P1": [], "P2": ["ops"], "P3": []}
    notify = {"channels": {"ops": {"url": inbox.url}}, "routes": routes}
    return {**wallet_config(), "notify": notify}


def asked(stack: Stack, path: str, *, token: bool = True) -> Any:  # noqa: ANN401 - JSON
    headers = WITH_TOKEN if token else {}
    answer = stack.watcher.ask("GET", 9787, f"/api/v1{path}", headers=headers)
    assert answer.ok, answer.text
    return answer.json()


def compared(stack: Stack) -> list[Json]:
    """Every comparison on record, but for the wallet's first load: nothing was
    known before that.
    """
    entries = asked(stack, "/history")["entries"]
    found = [dict(entry) for entry in entries if entry["type"] == "balance"]
    return found[1:]


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed"])
def test_a_payment_during_a_restart_is_noted_and_told_once(
    stack: Stack, inbox: Inbox, killed: bool
) -> None:
    wallet = stack.wallet()
    watcher = stack.sidecar(told(inbox))
    stack.wait_healthy(WALLET)
    if killed:
        wallet.fault("slow_start", 8.0)

    wallet.fault("http_500")
    wallet.control("PUT", "/balance", PAID)
    stack.wait_decision(WALLET, "restart")
    if killed:
        stack.wait_for("it is at it", lambda: stack.asked() == [f"restart {WALLET}"])
        watcher.docker.kill()
        watcher.docker.start()
        stack.wait_for("the successor answers", watcher.status_view)

    (seen,) = stack.wait_for("it is compared", lambda: compared(stack), 2 * DEADLINE_S)
    assert (seen["before"], seen["after"]) == (HELD, PAID)
    stack.wait_healthy(WALLET)
    assert stack.asked() == [f"restart {WALLET}"]
    path = f"/incidents/{seen['incident']}"
    (view,) = asked(stack, path)["balances"]
    assert (view["comparison"], view["after"]) == ("different", PAID)
    assert UNMISTAKABLE not in str(asked(stack, path, token=False))
    (message,) = stack.wait_for("it is told", lambda: inbox.messages)
    assert message["title"] == (
        f"[P2] {WALLET}: its wallet's balance is not the same as before"
    )
    assert "Confirmed: 1.5 before, 2.5 after" in message["message"]
    assert "Unmatured: 0 before, 0.00000001 after" in message["message"]
    assert seen["incident"] in message["message"]
    assert UNMISTAKABLE not in watcher.log()
    assert "sidecar_wallet_balance_bch{" not in watcher.metrics()
    stack.wait_probes(WALLET, 3)
    assert len(inbox.messages) == 1


def test_an_operators_restart_without_a_payment_is_noted_and_not_told(
    stack: Stack, inbox: Inbox
) -> None:
    stack.wallet()
    stack.sidecar(told(inbox))
    stack.wait_healthy(WALLET)

    assert stack.watcher.order("restart", WALLET, {"now": True}).ok

    (seen,) = stack.wait_for("it is compared", lambda: compared(stack), 2 * DEADLINE_S)
    assert (seen["comparison"], seen["incident"]) == ("same", None)
    assert seen["before"] == seen["after"] == HELD
    stack.wait_probes(WALLET, 3)
    assert inbox.messages == []
