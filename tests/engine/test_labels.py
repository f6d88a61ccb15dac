"""Labels in images: false claims, references to others, use of the restart budget."""

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
        self.image_ids: list[str] = []

    def make(self, labels: Mapping[str, str]) -> str:
        """The id of an image that listens and carries ``labels``."""
        # One instruction: a layer of a second one would be shared with an image
        # that another test builds, and gone when that test removes its image.
        all_labels = {**RUN_LABEL, **labels, "made-for": self._stack.project}
        pairs = " ".join(f'"{k}"="{v}"' for k, v in all_labels.items())
        text = f"FROM sidecar-base:local\nLABEL {pairs}"
        file = io.BytesIO(text.encode())
        image, _ = self._stack.client.images.build(fileobj=file, rm=True)
        self.image_ids.append(str(image.id))
        return self.image_ids[-1]

    def remove(self) -> None:
        """All of them; their containers are gone with the stack or go now."""
        for image_id in self.image_ids:
            # Where another test removes its own just now, the engine may say so.
            with contextlib.suppress(NotFound):
                self._stack.client.images.remove(image_id, force=True)


@pytest.fixture
def images(stack: Stack) -> Iterator[Images]:
    images = Images(stack)
    yield images
    for box in stack.client.containers.list(
        all=True, filters={"label": f"com.docker.compose.project={stack.project}"}
    ):
        if box.attrs["Image"] in images.image_ids:
            box.remove(force=True)
    images.remove()


def start_listener(stack: Stack, image: str, service: str) -> Box:
    """A container of an image, as compose makes it."""
    command = ["python3", "-u", "-c", LISTENER]
    return Box(stack.container(image, service, command=command))


def received_requests(box: Box) -> list[str]:
    lines = box.docker.logs().decode().splitlines()
    return [line for line in lines if line.startswith("ASKED")]


def wallet_with_passwords() -> Json:
    """The wallet's target with both passwords."""
    return wallet_target({"wallet_password_file": WALLET_PASSWORD_FILE})


def test_image_with_labels_of_wallet_is_no_replica_and_gets_no_password(
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
        config({WALLET: wallet_with_passwords()}),
        secrets={"wallet_password": WALLET_PASSWORD},
    )
    stack.wait_healthy(WALLET)
    assert set(watcher.states()) == {WALLET}
    stack.wait_probes(WALLET, 5)
    assert received_requests(evil) == []
    # It is said once, whatever happens to it and however often all are listed. The
    # second listing begins when the first has said what it has to say.
    for _ in range(2):
        lists = count_listings(stack)
        evil.docker.kill()
        evil.docker.start()
        wait_for_listing(stack, lists)
    records = [r for r in watcher.records() if "is not taken for one" in r.message]
    assert len(records) == 1
    assert f"{stack.project}-{WALLET}-2" in records[0].message
    assert set(watcher.states()) == {WALLET}
    assert received_requests(evil) == []
    assert not any(evil.id in request.path for request in stack.proxy.posts)


def wait_for_listing(stack: Stack, before: int) -> None:
    stack.wait_for("another listing", lambda: count_listings(stack) > before)


def count_listings(stack: Stack) -> int:
    return sum(
        request.path.startswith("/containers/json") for request in stack.proxy.requests
    )


@pytest.mark.parametrize(
    "probe_labels",
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
def test_image_labels_cannot_use_files_other_hosts_or_changing_methods(
    probe_labels: dict[str, str], stack: Stack, images: Images
) -> None:
    wallet = stack.wallet()
    labels = {f"sidecar.probe.{key}": value for key, value in probe_labels.items()}
    image = images.make({"sidecar.enable": "true", **labels})
    gateway = start_listener(stack, image, "gateway")
    thief = start_listener(stack, images.make({}), "thief")
    watcher = stack.sidecar(
        config({WALLET: wallet_with_passwords()}),
        secrets={"wallet_password": WALLET_PASSWORD},
    )
    stack.wait_healthy(WALLET)
    stack.wait_probes(WALLET, 5)
    assert set(watcher.states()) == {WALLET}
    assert received_requests(gateway) == []
    assert received_requests(thief) == []
    assert "stop" not in wallet.methods()
    faults = [r.message for r in watcher.records() if "this is refused" in r.message]
    assert faults
    assert all("gateway" in fault for fault in faults)
    assert not any(p in f for f in faults for p in (RPC_PASSWORD, WALLET_PASSWORD))


def test_image_labels_make_target_of_their_own_container(
    stack: Stack, images: Images
) -> None:
    image = images.make(
        {
            "sidecar.enable": "true",
            "sidecar.probe.type": "http",
            "sidecar.probe.url": "http://gateway:8000/health",
        }
    )
    gateway = start_listener(stack, image, "gateway")
    stack.wallet()
    watcher = stack.sidecar(wallet_config())
    stack.wait_healthy(WALLET, "gateway")
    assert set(watcher.states()) == {WALLET, "gateway"}
    stack.wait_for(
        "its log has the probe",
        lambda: any("GET /health" in line for line in received_requests(gateway)),
    )


def test_labelled_containers_that_always_fail_do_not_block_wallet_restart(
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
        start_listener(stack, image, name)
    wallet = stack.wallet()
    watcher = stack.sidecar(config({WALLET: wallet_target()}, defaults=QUICK))
    stack.wait_healthy(WALLET)

    def is_rate_limited() -> bool:
        pages = [d for name in greedy for d in watcher.decisions(name, "page")]
        return len({d.target for d in pages if d.fields["guard"] == "rate_limit"}) == 2

    stack.wait_for("the brake is on for both", is_rate_limited, 4 * DEADLINE_S)
    wallet.end_daemon()
    stack.wait_outcome(WALLET, "restart")
    used = [act for act in stack.engine_calls() if act.startswith("restart greed")]
    assert len(used) == RESTART_LIMIT - ROOT_RESERVE
