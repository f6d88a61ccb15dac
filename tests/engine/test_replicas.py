"""Rolling restarts of three replicas: drained, restarted and verified one by one."""

from functools import partial

import pytest

from tests.engine.harness import (
    DEADLINE_S,
    QUICK,
    QUICK_RESTART,
    Box,
    Json,
    SidecarBox,
    Stack,
    WebhookBox,
    config,
)
from tests.support.timestamps import unix_time

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

PAYMENTS = "payments"
FIRST, SECOND, THIRD = NAMES = tuple(f"{PAYMENTS}-{n}" for n in (1, 2, 3))
DRAIN_S, PAUSE_S = 9.0, 2.0
"""A drain is long enough to be seen on a machine that stands still for a while."""
TIMES = {**QUICK, "timeout": "10s", "start_period": "2s"}
FOLDER, BROKEN = "/replica", "broken"
SERVER = f"""
import os, time
from http.server import HTTPServer, SimpleHTTPRequestHandler
while os.path.exists("{FOLDER}/{BROKEN}"):
    time.sleep(0.2)
HTTPServer(("", 8080), SimpleHTTPRequestHandler).serve_forever()
"""
"""It serves, unless the replica's folder has the file: then it serves nothing."""


def start_replica(stack: Stack, number: int) -> Box:
    folder = stack.folder / f"replica-{number}"
    folder.mkdir()
    container = stack.container(
        "sidecar-base:local",
        PAYMENTS,
        number=number,
        command=["python3", "-c", SERVER],
        init=True,
        volumes={str(folder): FOLDER},
    )
    return Box(container)


def settings() -> Json:
    target = {
        "probe": {"type": "http", "url": f"http://{PAYMENTS}:8080/"},
        "restart": {**QUICK_RESTART, "recovery_timeout": "12s"},
        "rolling": {"drain": f"{DRAIN_S:.0f}s", "pause": f"{PAUSE_S:.0f}s"},
    }
    return {
        **config({PAYMENTS: target}, defaults=TIMES),
        "notify": {"channels": {"ops": {"url": "json://webhook:8090/ops"}}},
    }


def health(watcher: SidecarBox, number: int, query: str = "") -> tuple[int, str]:
    """The status for a load balancer, and the state."""
    answer = watcher.ask("GET", 9787, f"/healthz/{PAYMENTS}/{number}{query}")
    return answer.status_code, answer.json()["state"]


def wait_drained(stack: Stack, number: int) -> None:
    def is_drained() -> bool:
        return health(stack.watcher, number) == (503, "draining")

    stack.wait_for(f"replica {number} is drained", is_drained)


def steps_of(watcher: SidecarBox) -> list[Json]:
    """All drains, restarts and recoveries, in their order, with their own times.

    The log has later times: a step is logged once it is stored.
    """
    return [
        entry
        for entry in watcher.get_api(f"/history?target={PAYMENTS}")["entries"]
        if entry.get("action") in {"drain", "restart"}
        and entry.get("outcome", "recovered") == "recovered"
    ]


def seconds_between(earlier: Json, later: Json) -> float:
    return unix_time(later["at"]) - unix_time(earlier["at"])


def order_all(watcher: SidecarBox) -> None:
    answer = watcher.order("restart", PAYMENTS)
    assert answer.status_code == 202, answer.text
    assert answer.json()["replicas"] == list(NAMES)


def test_replicas_are_drained_and_restarted_one_by_one_until_one_fails(
    stack: Stack,
) -> None:
    boxes = [start_replica(stack, number) for number in (1, 2, 3)]
    webhook = stack.webhook()
    watcher = stack.sidecar(settings())
    stack.wait_healthy(*NAMES)
    before = [box.started_at for box in boxes]

    # Its present server does not look at the file any more. A command in the container
    # could not remove it: Sidecar restarts the replica again and again.
    broken = stack.folder / "replica-2" / BROKEN
    broken.touch()
    order_all(watcher)
    wait_drained(stack, 1)
    assert health(watcher, 1, "?drain=404") == (404, "draining")
    assert [health(watcher, n)[0] for n in (2, 3)] == [200, 200]
    assert watcher.ask("GET", 9787, f"/healthz/{PAYMENTS}").status_code == 200
    assert boxes[0].started_at == before[0], "nothing is done in a drain"
    wait_drained(stack, 2)
    assert boxes[0].started_at != before[0]
    assert health(watcher, 1) == (200, "healthy")
    stack.wait_outcome(SECOND, "restart", "not_recovered")
    skip = stack.wait_decision(THIRD, "skip")
    assert f"the restart of {SECOND} did not succeed" in skip.message
    assert_order(watcher)
    assert_told(stack, webhook)
    assert boxes[2].started_at == before[2]

    broken.unlink()
    stack.wait_healthy(*NAMES)
    assert_successor_ends_drain(stack, boxes[2])


def assert_order(watcher: SidecarBox) -> None:
    """One after the other, each after its drain, and the second after the pause."""
    steps = steps_of(watcher)
    assert [(step["target"], step["action"]) for step in steps[:5]] == [
        (FIRST, "drain"),
        (FIRST, "restart"),
        (FIRST, "restart"),
        (SECOND, "drain"),
        (SECOND, "restart"),
    ]
    drain, restart, recovered, next_drain, next_restart = steps[:5]
    assert recovered.get("outcome") == "recovered"
    assert seconds_between(drain, restart) >= DRAIN_S - 0.1
    assert seconds_between(recovered, next_drain) >= PAUSE_S - 0.1
    assert seconds_between(next_drain, next_restart) >= DRAIN_S - 0.1


def assert_told(stack: Stack, webhook: WebhookBox) -> None:
    """People are told that it stopped, and of the replica that does not work."""

    def titles() -> list[str]:
        messages = webhook.ask("GET", 8090, "/messages").json()
        return [message["title"] for message in messages]

    for text in (f"{THIRD} ", f"{SECOND} "):
        stack.wait_for(
            f"a message about {text}",
            partial(lambda name: any(name in title for title in titles()), text),
        )
    assert any("the rolling restart stopped" in title for title in titles())


def assert_successor_ends_drain(stack: Stack, box: Box) -> None:
    """A sidecar that is killed in a drain: the next one ends it, by the restart."""
    watcher, before = stack.watcher, box.started_at
    assert watcher.order("restart", THIRD).status_code == 202
    wait_drained(stack, 3)
    watcher.docker.kill()
    watcher.docker.start()
    stack.wait_for("the successor answers", watcher.status_view)
    stack.wait_for("it is restarted", lambda: box.started_at != before, DEADLINE_S)
    stack.wait_healthy(*NAMES)
    assert health(watcher, 3) == (200, "healthy")
