"""Who is addressed is who was judged, on networks and under names that are shared.

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


def two_of_one_name(
    stack_factory: Callable[[], Stack], **theirs: str
) -> tuple[Stack, WalletBox, WalletBox]:
    """Our wallet and a neighbour project's, both ``electron-cash`` on our network."""
    ours, neighbours = stack_factory(), stack_factory()
    wallet = ours.wallet()
    neighbour = neighbours.wallet(env=theirs)
    ours.join(neighbour, WALLET)
    neighbours.wait_for("the neighbour answers", neighbour.calls)
    return ours, wallet, neighbour


def asked_of(neighbour: WalletBox) -> list[str]:
    return neighbour.methods()


def test_a_neighbour_of_the_same_name_is_never_asked(
    stack_factory: Callable[[], Stack],
) -> None:
    ours, _, neighbour = two_of_one_name(stack_factory)
    watcher = ours.sidecar(wallet_config())
    ours.wait_healthy(WALLET)
    for _ in range(3):
        assert watcher.order("restart", WALLET).ok
        ours.wait_for(
            "the restart has ended",
            lambda: watcher.target(WALLET)["state"] == "recovering",
        )
        ours.wait_healthy(WALLET)
    ours.wait_probes(WALLET, 10)
    assert asked_of(neighbour) == []
    assert neighbour.status == "running"


@pytest.mark.parametrize("password", ["rpc-password-of-the-test", "another"])
def test_a_dead_daemon_is_healed_though_a_neighbour_of_its_name_lives(
    stack_factory: Callable[[], Stack], password: str
) -> None:
    ours, wallet, neighbour = two_of_one_name(stack_factory, RPC_PASSWORD=password)
    watcher = ours.sidecar(wallet_config())
    ours.wait_healthy(WALLET)
    wallet.fault("die")
    ours.wait_for(
        "it is healed", lambda: ("restart", "recovered") in watcher.outcomes(WALLET)
    )
    ours.wait_healthy(WALLET)
    assert "auth" not in {r.fields.get("cause") for r in watcher.records(WALLET)}
    assert asked_of(neighbour) == []


def test_a_service_name_with_capitals_is_found_scaled_too(stack: Stack) -> None:
    name = "ElectronCash"
    wallet = stack.wallet(service=name)
    target = wallet_target({"url": f"http://{name}:7777/"})
    watcher = stack.sidecar(config({name: target}))
    stack.wait_healthy(name)
    second = stack.wallet(service=name, number=2)
    names = (f"{name}-1", f"{name}-2")
    stack.wait_healthy(*names)
    second.fault("die")
    stack.wait_for(
        "the second is healed",
        lambda: ("restart", "recovered") in watcher.outcomes(names[1]),
    )
    assert wallet.status == "running"
    assert len(stack.asked()) == 1


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


def strict(stack: Stack, number: int) -> None:
    """An application that answers 400 to underscores in ``Host``."""
    stack.container(
        "sidecar-base:local",
        "web",
        number=number,
        name=f"bugs_m-{stack.project}-{number}",
        command=["python3", "-c", STRICT],
    )


def test_the_host_header_stays_when_a_service_is_scaled(stack: Stack) -> None:
    strict(stack, 1)
    probe = {"type": "http", "url": "http://web:8080/"}
    watcher = stack.sidecar(config({"web": {"probe": probe}}))
    stack.wait_healthy("web")
    strict(stack, 2)
    stack.wait_healthy("web-1", "web-2")
    time.sleep(3.0)
    assert set(watcher.states().values()) == {"healthy"}


def web(stack: Stack, port: int, network_mode: str) -> None:
    """A web server on such a network is called healthy."""
    stack.container(
        "sidecar-base:local",
        "web",
        network_mode=network_mode,
        command=["python3", "-m", "http.server", str(port)],
    )
    probe = {"type": "http", "url": f"http://web:{port}/"}
    stack.sidecar(config({"web": {"probe": probe}}))
    stack.wait_healthy("web")


def test_a_container_on_the_network_of_another_is_reached_there(stack: Stack) -> None:
    other = stack.wallet(service="vpn")
    web(stack, 8090, network_mode=f"container:{other.id}")


def test_a_container_on_the_hosts_network_is_reached_at_the_host(stack: Stack) -> None:
    web(stack, 18199, network_mode="host")


def test_a_container_on_no_network_is_unknown_with_the_reason(stack: Stack) -> None:
    stack.service(network_mode="none")
    watcher = stack.sidecar(config({SERVICE: service_target(depends_on=[])}))
    stack.wait_for(
        "it is said",
        lambda: "on no network" in watcher.target(SERVICE).get("reason", ""),
    )
    time.sleep(5.0)
    assert stack.asked() == []
    assert watcher.status_view()["incidents"] == []


def test_a_container_without_a_shared_network_is_detached_with_the_networks(
    stack_factory: Callable[[], Stack],
) -> None:
    ours, others = stack_factory(), stack_factory()
    wallet = ours.wallet()
    ours.sidecar(wallet_config())
    ours.wait_healthy(WALLET)
    others.join(wallet, WALLET)
    ours.part(wallet)
    seen = ours.wait_state(WALLET, "down", deadline_s=80.0)
    assert seen["cause"] == "detached"
    ours.wait_for(
        "the networks are named",
        lambda: others.network.name in ours.watcher.target(WALLET)["reason"],
    )
    assert ours.network.name in ours.watcher.target(WALLET)["reason"]
    assert ours.asked() == []
    others.part(wallet)
    ours.join(wallet, WALLET)
    ours.wait_healthy(WALLET)
