"""A full disk and a memory limit on the real engine."""

from typing import Any

import pytest

from tests.engine.harness import DEADLINE_S, Box, Stack, config
from tests.support.container_commands import start_in

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

KEEPER, HOG = "keeper", "hog"
LIMIT_MIB = 48
SERVER = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with open("/data/new", "w") as file:
                file.write("x" * 100_000)
            os.replace("/data/new", "/data/state")
        except OSError as error:
            print(error, flush=True)
            os._exit(1)
        if os.path.exists("/dev/shm/eat"):
            eaten = [b"x" * (1 << 20) for _ in range(300)]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

http.server.HTTPServer(("", 8080), Handler).serve_forever()
"""


def start_server(stack: Stack, name: str, script: str, **more: Any) -> Box:  # noqa: ANN401 - the SDK's own
    """A server that writes to a small disk with each answer."""
    container = stack.container(
        "sidecar-demo-service:local",
        name,
        env={"SERVER": SERVER},
        entrypoint=["sh", "-c", script],
        init=True,
        tmpfs={"/data": "size=1m"},
        user="root",
        **more,
    )
    return Box(container)


def test_full_disk_is_paged_until_it_has_space_and_memory_kill_names_limit(
    stack: Stack,
) -> None:
    # A wrapper stays when its server ends, and with it the disk of the container.
    script = 'python -c "$SERVER"; exec sleep 1000'
    keeper = start_server(stack, KEEPER, script)
    limit = f"{LIMIT_MIB}m"
    hog = start_server(stack, HOG, 'exec python -c "$SERVER"', mem_limit=limit)
    targets = {
        name: {"probe": {"type": "http", "url": f"http://{name}:8080/"}}
        for name in (KEEPER, HOG)
    }
    watcher = stack.sidecar(config(targets))
    stack.wait_healthy(KEEPER, HOG)

    keeper.run("sh", "-c", "head -c 2000000 /dev/zero > /data/filler || true")
    # A probe may end the container before the command has ended.
    start_in(hog.docker, ["touch", "/dev/shm/eat"])

    stack.wait_for("the cause", lambda: watcher.cause(KEEPER) == "disk_full")
    started = stack.wait_for("a start", lambda: watcher.decisions(HOG, "start"))
    assert f"its memory limit is {LIMIT_MIB} MiB" in started[0].message
    stack.wait_healthy(HOG)
    paged = stack.wait_for("a page", lambda: watcher.decisions(KEEPER, "page"))
    assert "the disk at /data in its container is full" in paged[-1].message
    assert "a restart gives no space back" in paged[-1].message
    stack.wait_probes(KEEPER, 5)
    assert stack.lifecycle_calls() == [f"start {HOG}"]

    keeper.run("rm", "/data/filler")
    stack.wait_healthy(KEEPER, deadline_s=2 * DEADLINE_S)
    assert stack.lifecycle_calls() == [f"start {HOG}", f"restart {KEEPER}"]
