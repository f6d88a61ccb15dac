"""compose/examples/high-availability.yml: one part after the other dies."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.engine.composed_stack import ComposedStack, wait_servers
from tests.engine.harness import Box
from tests.support.repository import REPOSITORY
from tests.support.request_load import Request, RequestLoad

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

FILE = REPOSITORY / "compose" / "examples" / "high-availability.yml"
SECRETS_GID = 5001
WATCHDOGS = ("sidecar-a", "sidecar-b")
WORKERS = 6
PAYMENT = Request("POST", "/payments", frozenset({201}))
REPLICAS_UP = {f"replica-{number}": "UP" for number in (1, 2, 3)}
FIRST_UP = {"first": "no check", "standby": "no check"}
FIRST_DOWN = {"first": "DOWN (agent)", "standby": "no check"}


@contextmanager
def high_availability(folder: Path) -> Iterator[ComposedStack]:
    """The example as it is written, with the images of the tests."""
    password = folder / "rpcpassword"
    password.write_text("the rpcpassword")
    password.chmod(0o440)
    os.chown(password, 0, SECRETS_GID)
    document = {
        "name": f"sctest-{secrets.token_hex(4)}",
        "include": [{"path": str(FILE)}],
    }
    (folder / "compose.yaml").write_text(yaml.safe_dump(document))
    stack = ComposedStack(
        folder,
        {
            "DOCKER_GID": str(Path("/var/run/docker.sock").stat().st_gid),
            "SECRETS_GID": str(SECRETS_GID),
            "RPCPASSWORD_FILE": str(password),
            "HAPROXY_IMAGE": "sidecar-test-haproxy:local",
            "REDIS_IMAGE": "sidecar-test-redis:local",
            "SERVICE_PORT": "0",
            "SIDECAR_B_PORT": "0",
        },
    )
    try:
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "2", check=False)


def wait_healthy(stack: ComposedStack, watchdog: str) -> None:
    """Wait until all targets are healthy in the eyes of this watchdog."""

    def look() -> bool:
        ask = ("exec", "-T", watchdog, "sidecar", "status", "--json")
        targets = json.loads(stack.compose(*ask, check=False) or "{}").get("targets")
        return bool(targets) and {t["state"] for t in targets} == {"healthy"}

    stack.wait_for(f"{watchdog} sees all healthy", look)


class Casualties:
    """Kills one part at a time, and counts the payments that failed meanwhile."""

    def __init__(self, stack: ComposedStack, load: RequestLoad) -> None:
        self.stack = stack
        self.load = load
        self.lost: dict[str, list[str]] = {}

    @contextmanager
    def kill(self, name: str, box: Box) -> Iterator[None]:
        """Kill it; it is started again after the block."""
        before = len(self.load.failures)
        box.docker.kill()
        self.serve(40)
        yield
        box.docker.start()
        self.serve(20)
        self.lost[name] = self.load.failures[before:]

    def serve(self, count: int) -> None:
        """Wait until so many more payments were answered."""
        until = self.load.count + count
        self.stack.wait_for("more payments", lambda: self.load.count >= until)


def test_any_one_part_dies_and_no_payment_fails_but_those_that_it_held(
    tmp_path: Path,
) -> None:
    with high_availability(tmp_path) as stack:
        stack.compose("up", "--detach")
        for watchdog in WATCHDOGS:
            wait_healthy(stack, watchdog)
        wait_servers(stack, "haproxy", "replicas", **REPLICAS_UP)
        wait_servers(stack, "haproxy", "daemons", **FIRST_UP)
        host = stack.box("haproxy").ip
        with RequestLoad(host, 8080, PAYMENT, 20.0, workers=WORKERS) as load:
            dead = Casualties(stack, load)
            dead.serve(10)
            for number in (1, 2, 3):
                with dead.kill(f"payment {number}", stack.box("payment", number)):
                    pass
                wait_servers(stack, "haproxy", "replicas", **REPLICAS_UP)
            with dead.kill("active wallet", stack.box("electron-cash")):
                wait_servers(stack, "haproxy", "daemons", **FIRST_DOWN)
            wait_servers(stack, "haproxy", "daemons", **FIRST_UP)
            with dead.kill("standby wallet", stack.box("electron-cash-standby")):
                pass
            for name in ("redis", *WATCHDOGS):
                with dead.kill(name, stack.box(name)):
                    pass
        counts = {name: len(failures) for name, failures in dead.lost.items()}
        summary = f"{counts} of {load.count}: {load.failures}"
        assert sum(counts.values()) == len(load.failures), summary
        for number in (1, 2, 3):
            assert counts.pop(f"payment {number}") <= WORKERS, summary
        # The daemon held one call of each replica at most.
        assert counts.pop("active wallet") <= len(REPLICAS_UP), summary
        assert set(counts.values()) == {0}, summary
