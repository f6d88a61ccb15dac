"""Drills of a real stack: every fault, its verdict, and its undo after a kill -9."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import pytest
from docker.errors import APIError
from docker.types import Mount

from tests.engine.harness import (
    DEADLINE_S,
    RUN_LABEL,
    SERVICE,
    WALLET,
    Box,
    Json,
    Stack,
    config,
    service_target,
    wallet_target,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

DRILL_S = 180.0
UNDONE_AFTER_KILL_S = 10.0
TRIES = 3
"""Of a busy machine one of them is quick; a slow undo is slow each time."""

OBJECTIVE = {"detect": "60s", "recover": "120s"}
SLOW = {"slow_after": "2s", "timeout": "4s", "hang_after": "20s"}
UNDOES = {"netcut": "/connect", "pause": "/unpause"}
"""The end of the request that undoes the fault."""


@pytest.fixture
def volume(stack: Stack) -> Iterator[str]:
    """A named volume: no drill of a wallet that is in its container alone."""
    volume = stack.client.volumes.create(f"{stack.project}-wallet", labels=RUN_LABEL)
    yield str(volume.name)
    with suppress(APIError):
        for box in stack._boxes:
            box.docker.remove(force=True)
        volume.remove(force=True)


def drill_config() -> Json:
    wallet = wallet_target(SLOW) | {"objective": OBJECTIVE}
    probe = {"type": "http", "url": f"http://{SERVICE}:8080/health", **SLOW}
    service = service_target(probe=probe) | {"objective": OBJECTIVE}
    return config({WALLET: wallet, SERVICE: service})


def begin(stack: Stack, target: str, fault: str) -> str:
    """Begin a drill once nothing objects to it, one slow answer for example."""

    def has_begun() -> str:
        answer = stack.watcher.order("drill", target, {"fault": fault, "yes": True})
        assert answer.ok, answer.text
        drill_id = str(answer.json()["drill"]["id"])
        drill = stack.wait_for("it is prepared", lambda: read_prepared(stack, drill_id))
        assert drill["outcome"] != "refused", drill
        return drill_id

    return stack.wait_for(f"a drill begins: {fault}", has_begun, DRILL_S)


def read_prepared(stack: Stack, drill_id: str) -> Json:
    """A drill whose last objections have been looked for."""
    drill = stack.watcher.get_api(f"/drills/{drill_id}")
    assert drill["phase"] != "preparing", drill
    return drill


def wait_outcome(stack: Stack, drill_id: str) -> Json:
    def ended() -> Json:
        drill = stack.watcher.get_api(f"/drills/{drill_id}")
        assert drill["outcome"], drill
        return drill

    return stack.wait_for("the drill has ended", ended, DRILL_S)


def networks(box: Box) -> dict[str, list[str]]:
    box.docker.reload()
    attached = box.docker.attrs["NetworkSettings"]["Networks"]
    return {n: sorted(set(at["Aliases"]) - {box.id[:12]}) for n, at in attached.items()}


def start_stack(stack: Stack, volume: str) -> tuple[Box, Box]:
    data = Mount("/data", volume, type="volume")
    wallet = stack.wallet(mounts=[data])
    service = stack.service(restart_policy="unless-stopped")
    stack.sidecar(drill_config())
    stack.wait_healthy(WALLET, SERVICE)
    return wallet, service


CURED = {"kill": WALLET, "hang": WALLET, "refuse": WALLET}
LEFT_ALONE = {
    "upstream": WALLET,
    "stop": SERVICE,
    "pause": SERVICE,
    "netcut": SERVICE,
    "slow": SERVICE,
}


@pytest.mark.parametrize("faults", [CURED, LEFT_ALONE], ids=["cured", "left_alone"])
def test_each_fault_is_handled_rightly_and_leaves_nothing_behind(
    faults: Mapping[str, str], stack: Stack, volume: str
) -> None:
    boxes = dict(zip((WALLET, SERVICE), start_stack(stack, volume), strict=True))
    joined = {name: networks(box) for name, box in boxes.items()}
    for fault, target in faults.items():
        began_at = boxes[target].started_at
        drill = wait_outcome(stack, begin(stack, target, fault))
        assert drill["outcome"] == "passed", drill
        assert [act for act in drill["acts"] if not act["right"]] == []
        stack.wait_healthy(WALLET, SERVICE)
        assert {name: networks(box) for name, box in boxes.items()} == joined
        assert {box.status for box in boxes.values()} == {"running"}
        is_new_run = boxes[target].started_at != began_at
        assert is_new_run is (fault in CURED or fault == "stop"), fault
    incidents = stack.watcher.status_view()["incidents"]
    assert [one for one in incidents if one["state"] == "open"] == []


def seconds_to_undo(stack: Stack, fault: str, is_in_force: Callable[[], bool]) -> float:
    """Kill the sidecar by SIGKILL during the fault, and start it again.

    Returns the seconds from the start of its container to the request of the undo.
    """
    drill_id = begin(stack, WALLET, fault)
    stack.wait_for(f"{fault} is in force", is_in_force)
    stack.watcher.docker.kill()
    before = len(stack.proxy.requests)
    began_wall = time.time()
    stack.watcher.docker.start()
    stack.wait_for(f"{fault} is undone", lambda: not is_in_force(), 2 * DEADLINE_S)
    assert wait_outcome(stack, drill_id)["outcome"] == "interrupted"
    stack.wait_healthy(WALLET, SERVICE)
    calls = stack.proxy.requests[before:]
    undo = next(call for call in calls if call.path.endswith(UNDOES[fault]))
    return undo.at - began_wall


def test_fault_is_undone_after_a_kill_of_sidecar_and_before_its_normal_end(
    stack: Stack, volume: str
) -> None:
    wallet, _ = start_stack(stack, volume)
    joined = networks(wallet)
    in_force: Mapping[str, Callable[[], bool]] = {
        "netcut": lambda: networks(wallet) == {},
        "pause": lambda: wallet.status == "paused",
    }
    for fault, is_in_force in in_force.items():
        assert any(
            seconds_to_undo(stack, fault, is_in_force) < UNDONE_AFTER_KILL_S
            for _ in range(TRIES)
        )
        assert networks(wallet) == joined
    begin(stack, WALLET, "netcut")
    stack.wait_for("netcut is in force", in_force["netcut"])
    stack.watcher.docker.stop(timeout=30)
    assert networks(wallet) == joined
