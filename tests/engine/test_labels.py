"""Images with labels in them: what they claim, whom they name, what they use up."""

import contextlib
import io
from collections.abc import Iterator, Mapping

import pytest
from docker.errors import NotFound

from sidecar.core.recovery.restart_rate import RESTART_LIMIT, ROOT_RESERVE
from tests.engine.harness import (
    DEADLINE_S,
    PASSWORD_FILE,
    QUICK,
    RPC_PASSWORD,
    RUN_LABEL,
    WALLET,
    Box,
    Json,
    Stack,
    config,
    wallet_config,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

WALLET_PASSWORD = "wallet-password-of-the-test"
WALLET_PASSWORD_FILE = "/run/secrets/wallet_password"

# Says what it was asked, with all headers and bodies, on the ports of the stack.
LISTENER = """
import http.server, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        print("ASKED", self.requestline, dict(self.headers), body, flush=True)
        self.send_response(200)
        self.end_headers()
    do_POST = do_GET
def serve(port):
    http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
for port in (7777, 8000):
    threading.Thread(target=serve, args=(port,)).start()
"""


class Images:
    """Images of third parties, with labels in them."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.made: list[str] = []

    def make(self, labels: Mapping[str, str]) -> str:
        """The id of an image that listens and carries ``labels``."""
        # Its own even where another test, at the same time, makes the same.
        all_labels = {**RUN_LABEL, **labels, "made-for": self._stack.project}
        lines = [f'LABEL "{k}"="{v}"' for k, v in all_labels.items()]
        text = "\n".join(["FROM sidecar-base:local", *lines])
        file = io.BytesIO(text.encode())
        image, _ = self._stack.client.images.build(fileobj=file, rm=True)
        self.made.append(str(image.id))
        return self.made[-1]

    def remove(self) -> None:
        """All of them; their containers are gone with the stack or go now."""
        for image_id in self.made:
            # Where another test removes its own just now, the engine may say so.
            with contextlib.suppress(NotFound):
                self._stack.client.images.remove(image_id, force=True)


@pytest.fixture
def images(stack: Stack) -> Iterator[Images]:
    made = Images(stack)
    yield made
    for box in stack.client.containers.list(
        all=True, filters={"label": f"com.docker.compose.project={stack.project}"}
    ):
        if box.attrs["Image"] in made.made:
            box.remove(force=True)
    made.remove()


def listening(stack: Stack, image: str, service: str) -> Box:
    """A container that compose, or something like it, made of an image."""
    command = ["python3", "-u", "-c", LISTENER]
    return Box(stack.container(image, service, command=command))


def asked(box: Box) -> list[str]:
    lines = box.docker.logs().decode().splitlines()
    return [line for line in lines if line.startswith("ASKED")]


def secretive_wallet() -> Json:
    """The wallet's target with both passwords."""
    return wallet_target({"wallet_password_file": WALLET_PASSWORD_FILE})


def test_an_image_that_says_it_is_the_wallet_is_no_replica_and_gets_no_password(
    stack: Stack, images: Images
) -> None:
    stack.wallet()
    evil_image = images.make(
        {
            "com.docker.compose.project": stack.project,
            "com.docker.compose.service": WALLET,
            "com.docker.compose.container-number": "2",
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.image": f"sha256:{'0' * 64}",
        }
    )
    evil = Box(
        stack.client.containers.run(
            evil_image,
            ["python3", "-u", "-c", LISTENER],
            name=f"{stack.project}-{WALLET}-2",
            network=stack.network.name,
            detach=True,
        )
    )
    watcher = stack.sidecar(
        config({WALLET: secretive_wallet()}),
        secrets={"wallet_password": WALLET_PASSWORD},
    )
    stack.wait_healthy(WALLET)
    assert set(watcher.states()) == {WALLET}
    stack.wait_probes(WALLET, 5)
    assert asked(evil) == []
    evil.docker.kill()
    evil.docker.start()
    # It is said once, whatever happens to it and however often all are listed.
    lists = stack.wait_for("a listing", lambda: listings(stack))
    stack.wait_for("another listing", lambda: listings(stack) > lists)
    said = [r for r in watcher.records() if "is not taken for one" in r.message]
    assert len(said) == 1
    assert f"{stack.project}-{WALLET}-2" in said[0].message
    assert set(watcher.states()) == {WALLET}
    assert asked(evil) == []
    assert not any(evil.id in one.path for one in stack.gate.posts)


def listings(stack: Stack) -> int:
    return sum(one.path.startswith("/containers/json") for one in stack.gate.requests)


@pytest.mark.parametrize(
    "said",
    [
        {"type": "http", "url": "http://gateway:8000/", "username": "u"}
        | {"password_file": PASSWORD_FILE},
        {"type": "electron_cash", "url": "http://gateway:7777/"}
        | {"wallet_password_file": WALLET_PASSWORD_FILE},
        {"type": "http", "url": "http://thief:8000/"},
        {"type": "tcp", "host": "thief", "port": "8000"},
        {"type": "jsonrpc", "url": f"http://{WALLET}:7777/", "method": "stop"},
        {"type": "jsonrpc", "url": "http://gateway:7777/", "method": "stop"},
    ],
)
def test_labels_in_an_image_reach_no_file_no_other_host_and_no_changing_method(
    said: dict[str, str], stack: Stack, images: Images
) -> None:
    wallet = stack.wallet()
    labels = {f"sidecar.probe.{key}": value for key, value in said.items()}
    image = images.make({"sidecar.enable": "true", **labels})
    gateway = listening(stack, image, "gateway")
    thief = listening(stack, images.make({}), "thief")
    watcher = stack.sidecar(
        config({WALLET: secretive_wallet()}),
        secrets={"wallet_password": WALLET_PASSWORD},
    )
    stack.wait_healthy(WALLET)
    stack.wait_probes(WALLET, 5)
    assert set(watcher.states()) == {WALLET}
    assert asked(gateway) == []
    assert asked(thief) == []
    assert "stop" not in wallet.methods()
    faults = [r.message for r in watcher.records() if "this is refused" in r.message]
    assert faults
    assert all("gateway" in fault for fault in faults)
    assert not any(p in f for f in faults for p in (RPC_PASSWORD, WALLET_PASSWORD))


def test_labels_in_an_image_make_a_target_of_their_own_container(
    stack: Stack, images: Images
) -> None:
    image = images.make(
        {
            "sidecar.enable": "true",
            "sidecar.probe.type": "http",
            "sidecar.probe.url": "http://gateway:8000/health",
        }
    )
    gateway = listening(stack, image, "gateway")
    stack.wallet()
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET, "gateway")
    assert set(watcher.states()) == {WALLET, "gateway"}
    assert any("GET /health" in line for line in asked(gateway))


def test_containers_that_fail_for_ever_by_their_labels_do_not_hold_the_wallet(
    stack: Stack, images: Images
) -> None:
    image = images.make(
        {
            "sidecar.enable": "true",
            "sidecar.probe.type": "exec",
            "sidecar.probe.command": "false",
            "sidecar.interval": "1s",
            "sidecar.fast_interval": "500ms",
            "sidecar.start_period": "0s",
            "sidecar.restart.budget": "5",
            "sidecar.restart.backoff": "1s",
            "sidecar.restart.stop_timeout": "0s",
            "sidecar.restart.dead_stop_timeout": "0s",
            "sidecar.restart.recovery_timeout": "5s",
            "sidecar.restart.slow_lane": "1m",
        }
    )
    greedy = ("greedy", "greedier")
    for name in greedy:
        listening(stack, image, name)
    wallet = stack.wallet()
    watcher = stack.sidecar(config({WALLET: wallet_target()}, defaults=QUICK))
    stack.wait_healthy(WALLET)

    def braked() -> bool:
        pages = [d for name in greedy for d in watcher.decisions(name, "page")]
        return len({d.target for d in pages if d.fields["guard"] == "rate_limit"}) == 2

    stack.wait_for("the brake is on for both", braked, 4 * DEADLINE_S)
    wallet.fault("die")
    stack.wait_for(
        "the wallet recovered",
        lambda: ("restart", "recovered") in watcher.outcomes(WALLET),
    )
    used = [act for act in stack.asked() if act.startswith("restart greed")]
    assert len(used) == RESTART_LIMIT - ROOT_RESERVE
