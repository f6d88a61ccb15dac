"""A wallet daemon is recreated on the real engine, and has all its addresses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.models.containers import Container

from tests.engine.harness import (
    DEADLINE_S,
    DEFAULT_WALLET,
    QUICK_RESTART,
    RPC_PASSWORD,
    RPC_USER,
    RUN_LABEL,
    WALLET,
    Stack,
    WalletBox,
    config,
    wallet_target,
)
from tests.support.compose_command import run_compose
from tests.support.container_commands import run_in

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

FAULTY = "/tmp/faulty"
"""While this file is in the container itself, something else has the daemon's port."""
FAULTY_SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(500)
        self.end_headers()
http.server.HTTPServer(("", 7777), Handler).serve_forever()
"""
BEGIN = (
    f'if [ -e {FAULTY} ]; then exec python3 -c "$$FAULTY_SERVER"; fi; '
    "exec /app/entrypoint.sh"
)
TIMES = {
    "interval": "1s",
    "fast_interval": "300ms",
    "timeout": "1500ms",
    "start_period": "2s",
}
RESTART = {
    **QUICK_RESTART,
    "budget": 1,
    "slow_lane": ["1s", "10m"],
    "stop_timeout": "1s",
    # The restart does not help, and the test waits until that is found.
    "recovery_timeout": "20s",
}


class WalletProject:
    """The compose project of a test's stack, with a wallet daemon on a volume."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        service = {
            "image": "sidecar-demo-wallet:local",
            "entrypoint": ["sh", "-c", BEGIN],
            "init": True,
            "restart": "unless-stopped",
            "stop_grace_period": "1s",
            "environment": {
                "SHAPE": "wrapper",
                "RPC_USER": RPC_USER,
                "RPC_PASSWORD": RPC_PASSWORD,
                "FAULTY_SERVER": FAULTY_SERVER,
            },
            "labels": RUN_LABEL,
            "networks": {"front": {"aliases": [WALLET]}},
            "volumes": ["data:/data"],
        }
        document = {
            "services": {WALLET: service},
            "networks": {"front": {"external": True, "name": stack.network.name}},
            "volumes": {"data": {"labels": RUN_LABEL}},
        }
        (folder / "compose.yaml").write_text(json.dumps(document))

    def run(self, *command: str) -> str:
        """The output of a compose command in this project."""
        return run_compose(self._stack.project, self._folder, *command)

    @property
    def wallet(self) -> WalletBox:
        """The daemon in its present container."""
        return WalletBox(self._container)

    @property
    def _container(self) -> Container:
        name = f"{self._stack.project}-{WALLET}-1"
        return self._stack.client.containers.get(name)


@pytest.fixture
def project(stack: Stack, tmp_path: Path) -> Iterator[WalletProject]:
    project = WalletProject(stack, tmp_path)
    project.run("up", "--detach")
    try:
        yield project
    finally:
        stack.watcher.docker.kill()
        project.run("down", "--volumes", "--timeout", "0")


def test_recreated_wallet_daemon_has_its_wallet_and_addresses(
    stack: Stack, project: WalletProject
) -> None:
    target = {**wallet_target({"hang_after": "30s"}, restart=RESTART), "recreate": True}
    watcher = stack.sidecar(config({WALLET: target}, defaults=TIMES))
    stack.wait_healthy(WALLET)
    before = project.wallet
    before.create_address()
    addresses = before.addresses()
    stack.wait_for(
        "it is saved", lambda: not before.wallet_state()["unsaved"], DEADLINE_S
    )

    assert run_in(before.docker, ["touch", FAULTY]).exit_code == 0
    before.docker.restart(timeout=5)
    stack.wait_outcome(WALLET, "recreate", deadline_s=2 * DEADLINE_S)
    stack.wait_healthy(WALLET)

    assert ("restart", "not_recovered") in watcher.outcomes(WALLET)
    after = project.wallet
    assert after.id != before.id
    assert after.wallets() == [DEFAULT_WALLET]
    assert after.addresses() == addresses
    assert "Recreate" not in project.run("up", "--detach")
    assert project.wallet.id == after.id
