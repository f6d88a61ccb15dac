"""Two wallet daemons behind HAProxy, as in compose/examples/haproxy-wallets.yml."""

from pathlib import Path

import pytest
import requests

from tests.engine.composed_stack import (
    ComposedStack,
    Json,
    composed_stack,
    give_secret,
    wait_servers,
    wallet_service,
)
from tests.engine.harness import COMPOSE_FILE, SERVICE, WALLET, WalletBox
from tests.support.repository import REPOSITORY

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

EXAMPLES = REPOSITORY / "compose" / "examples"
STANDBY, PROXY = "electron-cash-standby", "wallets"
UP, DOWN = "no check", "DOWN (agent)"
"""HAProxy shows a server without a check of its own as "no check" while it is up."""
ALL_HEALTHY = {WALLET: "healthy", STANDBY: "healthy", SERVICE: "healthy"}
MORE: Json = {
    "services": {
        STANDBY: wallet_service(),
        SERVICE: {
            "environment": {
                "WALLET_URL": "http://wallets:7777/",
                "WALLET_USER": "bchrpc",
                "WALLET_TIMEOUT": "25",
            },
        },
    }
}


class WalletPair:
    """The two daemons, and HAProxy between them and the service."""

    def __init__(self, stack: ComposedStack) -> None:
        self.stack = stack
        self.first = WalletBox(stack.box(WALLET).docker)
        self.standby = WalletBox(stack.box(STANDBY).docker)

    def wait_servers(self, first: str, standby: str) -> None:
        """Wait until HAProxy has these states of the daemons."""
        wait_servers(self.stack, PROXY, "daemons", first=first, standby=standby)

    def pay(self) -> WalletBox:
        """Ask the service for an address; returns the daemon that made it."""
        url = f"http://{self.stack.box(SERVICE).ip}:8080/payments"
        answer = requests.post(url, timeout=60.0)
        assert answer.status_code == 201, answer.text
        address = answer.json()["address"]
        if address in self.standby.addresses():
            return self.standby
        assert address in self.first.addresses()
        return self.first


def test_standby_daemon_gets_the_calls_only_while_the_first_certainly_fails(
    tmp_path: Path,
) -> None:
    include = {"path": [str(COMPOSE_FILE), str(EXAMPLES / "haproxy-wallets.yml")]}
    environ = {
        "DOCKER_GID": str(Path("/var/run/docker.sock").stat().st_gid),
        "HAPROXY_IMAGE": "sidecar-test-haproxy:local",
        "ELECTRON_CASH_PASSWORD_FILE": f"{tmp_path}/secrets/sidecar_rpcpassword",
        "SIDECAR_CONFIG_FOLDER": str(EXAMPLES / "haproxy-wallets"),
    }
    with composed_stack(tmp_path, include, environ=environ, more=MORE) as stack:
        give_secret(tmp_path, "sidecar_rpcpassword", "the rpcpassword")
        stack.compose("up", "--detach")
        stack.wait_for("all healthy", lambda: stack.states() == ALL_HEALTHY)
        pair = WalletPair(stack)
        pair.wait_servers(UP, UP)
        assert pair.pay().name == pair.first.name

        # In step no more: connected to no server of its own.
        pair.first.set_fault("upstream_lost")
        pair.wait_servers(DOWN, UP)
        assert pair.pay().name == pair.standby.name

        # A dead sidecar changes nothing, and a new one does not fail back too early.
        stack.box("sidecar").docker.kill()
        assert pair.pay().name == pair.standby.name
        stack.compose("up", "--detach", "sidecar")
        stack.wait_for("it watches again", lambda: stack.states().get(WALLET) == "down")
        pair.wait_servers(DOWN, UP)
        assert pair.pay().name == pair.standby.name

        # With both down HAProxy keeps the first one: none is worse than a bad one.
        pair.standby.set_fault("upstream_lost")
        pair.wait_servers(UP, UP)
        pair.standby.clear_fault("upstream_lost")
        pair.wait_servers(DOWN, UP)

        pair.first.clear_fault("upstream_lost")
        pair.wait_servers(UP, UP)
        assert pair.pay().name == pair.first.name

        # A stopped daemon: the calls meanwhile wait in HAProxy, and none fails.
        pair.first.docker.kill()
        assert pair.pay().name == pair.standby.name
        pair.wait_servers(DOWN, UP)
