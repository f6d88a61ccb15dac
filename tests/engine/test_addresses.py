"""Probes reach exactly the target's container, on shared networks and names.

Timings are harness.QUICK.
"""

import time
from collections.abc import Callable

import pytest

from tests.engine.harness import (
    SERVICE,
    WALLET,
    Stack,
    WalletBox,
    config,
    service_target,
    wallet_config,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]


def start_wallets_of_one_name(
    stack_factory: Callable[[], Stack], **theirs: str
) -> tuple[Stack, WalletBox, WalletBox]:
    """Our wallet and a neighbour project's, both ``electron-cash`` on our network."""
    ours, neighbours = stack_factory(), stack_factory()
    wallet = ours.wallet()
    neighbour = neighbours.wallet(env=theirs)
    ours.connect(neighbour, WALLET)
    neighbours.wait_for("the neighbour answers", neighbour.calls)
    return ours, wallet, neighbour


def received_methods(neighbour: WalletBox) -> list[str]:
    return neighbour.methods()


def test_neighbour_with_same_name_gets_no_request(
    stack_factory: Callable[[], Stack],
) -> None:
    ours, _, neighbour = start_wallets_of_one_name(stack_factory)
    watcher = ours.sidecar(wallet_config())
    ours.wait_healthy(WALLET)
    for number in range(1, 4):
        assert watcher.order("restart", WALLET).ok
        ours.wait_outcome(WALLET, "restart", times=number)
        ours.wait_healthy(WALLET)
    ours.wait_probes(WALLET, 10)
    assert received_methods(neighbour) == []
    assert neighbour.status == "running"


@pytest.mark.parametrize("password", ["rpc-password-of-the-test", "another"])
def test_dead_daemon_is_restarted_while_neighbour_with_same_name_runs(
    stack_factory: Callable[[], Stack], password: str
) -> None:
    ours, wallet, neighbour = start_wallets_of_one_name(
        stack_factory, RPC_PASSWORD=password
    )
    watcher = ours.sidecar(wallet_config())
    ours.wait_healthy(WALLET)
    wallet.end_daemon()
    ours.wait_outcome(WALLET, "restart")
    ours.wait_healthy(WALLET)
    assert "auth" not in {r.fields.get("cause") for r in watcher.records(WALLET)}
    assert received_methods(neighbour) == []


def test_scaled_service_with_capitals_in_its_name_is_found(stack: Stack) -> None:
    name = "ElectronCash"
    wallet = stack.wallet(service=name)
    target = wallet_target({"url": f"http://{name}:7777/"})
    stack.sidecar(config({name: target}))
    stack.wait_healthy(name)
    second = stack.wallet(service=name, number=2)
    names = (f"{name}-1", f"{name}-2")
    stack.wait_healthy(*names)
    second.end_daemon()
    stack.wait_outcome(names[1], "restart")
    assert wallet.status == "running"
    assert len(stack.engine_calls()) == 1


STRICT = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        bad = "_" in self.headers["Host"]
        self.send_response(400 if bad else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def start_strict_server(stack: Stack, number: int) -> None:
    """An application that answers 400 to underscores in ``Host``."""
    stack.container(
        "sidecar-base:local",
        "web",
        number=number,
        name=f"bugs_m-{stack.project}-{number}",
        command=["python3", "-c", STRICT],
    )


def test_host_header_stays_when_service_is_scaled(stack: Stack) -> None:
    start_strict_server(stack, 1)
    probe = {"type": "http", "url": "http://web:8080/"}
    watcher = stack.sidecar(config({"web": {"probe": probe}}))
    stack.wait_healthy("web")
    start_strict_server(stack, 2)
    stack.wait_healthy("web-1", "web-2")
    for name in ("web-1", "web-2"):
        stack.wait_probes(name, 2)
    refusals = [record for record in watcher.records() if "400" in record.message]
    assert refusals == []
    stack.wait_healthy("web-1", "web-2")


def check_web_server_is_healthy(stack: Stack, port: int, network_mode: str) -> None:
    """Assert that a web server with this network mode becomes healthy."""
    stack.container(
        "sidecar-base:local",
        "web",
        network_mode=network_mode,
        command=["python3", "-m", "http.server", str(port)],
    )
    probe = {"type": "http", "url": f"http://web:{port}/"}
    stack.sidecar(config({"web": {"probe": probe}}))
    stack.wait_healthy("web")


def test_container_on_network_of_another_container_is_reached(stack: Stack) -> None:
    other = stack.wallet(service="vpn")
    check_web_server_is_healthy(stack, 8090, network_mode=f"container:{other.id}")


def test_container_on_host_network_is_reached(stack: Stack) -> None:
    check_web_server_is_healthy(stack, 18199, network_mode="host")


def test_container_on_no_network_is_unknown_with_reason(stack: Stack) -> None:
    stack.service(network_mode="none")
    watcher = stack.sidecar(config({SERVICE: service_target(depends_on=[])}))
    stack.wait_for(
        "it is said",
        lambda: "on no network" in watcher.target(SERVICE).get("reason", ""),
    )
    time.sleep(5.0)
    assert stack.engine_calls() == []
    assert watcher.status_view()["incidents"] == []


def test_container_without_shared_network_is_detached_with_network_names(
    stack_factory: Callable[[], Stack],
) -> None:
    ours, others = stack_factory(), stack_factory()
    wallet = ours.wallet()
    ours.sidecar(wallet_config())
    ours.wait_healthy(WALLET)
    others.connect(wallet, WALLET)
    ours.disconnect(wallet)
    target = ours.wait_state(WALLET, "down", deadline_s=80.0)
    assert target["cause"] == "detached"
    ours.wait_for(
        "the networks are named",
        lambda: others.network.name in ours.watcher.target(WALLET)["reason"],
    )
    assert ours.network.name in ours.watcher.target(WALLET)["reason"]
    assert ours.engine_calls() == []
    others.disconnect(wallet)
    ours.connect(wallet, WALLET)
    ours.wait_healthy(WALLET)
