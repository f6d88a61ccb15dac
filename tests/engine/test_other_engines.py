"""Sidecar on another engine: what it sees and heals there, and that a stop stays.

Podman 5 is in the suite. SIDECAR_TEST_ENGINE=podman-4 and =docker-20 run the same on
the oldest supported versions. Podman 4.3 does not say who stopped a container: what
ended without a crash is left as it is.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator

import pytest

from sidecar.core.model.drill_fault import DrillFault
from sidecar.drills.drill_tools import DrillRefused
from tests.engine.drill_bench import DrillBench, endpoints
from tests.engine.harness import (
    QUICK_RESTART,
    WALLET,
    Box,
    Json,
    config,
    wallet_target,
)
from tests.engine.other_engine import OtherEngine, OtherStack, run_other_engine
from tests.support.container_commands import start_in

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

NAME = os.environ.get("SIDECAR_TEST_ENGINE", "podman-5")
TELLS_STOPS = NAME != "podman-4"
LEFT_AS = "stopped" if TELLS_STOPS else "down"
WORKER, STUBBORN = "worker", "stubborn"
LOG_LINE = "it begins to work"
WORK = f"""
echo {LOG_LINE}
rm -f /tmp/end /tmp/sick
trap 'exit 3' TERM
until [ -f /tmp/end ]; do sleep 0.1; done
exit 0
"""
AT_REST_S = 3.0
STOP = ("stop", "--time", "4")
"""With its time: Podman 4.3 gives a container from its API none."""


@pytest.fixture
def engine() -> Iterator[OtherEngine]:
    with run_other_engine(NAME) as engine:
        yield engine


@contextlib.contextmanager
def run_stack(engine: OtherEngine) -> Iterator[OtherStack]:
    with OtherStack(engine=engine) as stack, contextlib.ExitStack() as at_end:
        at_end.callback(lambda: print(stack.report()))  # noqa: T201 - pytest shows it
        yield stack


def test_failures_are_healed_and_stops_by_an_operator_stay(
    engine: OtherEngine,
) -> None:
    """One test, because an engine of its own takes 10 s to start."""
    with run_stack(engine) as stack:
        assert_failures_are_healed(engine, stack)
    with run_stack(engine) as stack:
        assert_stops_stay(engine, stack)
    with run_stack(engine) as stack:
        asyncio.run(assert_drills_are_undone(engine, stack))


def add_worker(stack: OtherStack, service: str = WORKER, work: str = WORK) -> Box:
    container = stack.container(
        "sidecar-demo-wallet:local",
        service,
        entrypoint=["sh", "-c", work],
        healthcheck={
            "test": ["CMD", "test", "!", "-f", "/tmp/sick"],
            "interval": 10**9,
            "retries": 1,
        },
    )
    return stack._add_box(Box(container))


def start_sidecar(stack: OtherStack, *workers: str) -> None:
    """Start it with a host name that is not its id, and wait until all is healthy."""
    worker: Json = {"probe": {"type": "docker"}, "restart": dict(QUICK_RESTART)}
    targets = {WALLET: wallet_target()} | dict.fromkeys(workers, worker)
    stack.sidecar(config(targets), hostname="watcher")
    stack.wait_healthy()


def wait_outcome(stack: OtherStack, target: str, action: str, times: int = 1) -> None:
    stack.wait_outcome(target, action, times=times)
    stack.wait_healthy(target)


def last_restart(stack: OtherStack) -> str:
    return stack.watcher.decisions(WALLET, "restart")[-1].message


def assert_evidence(stack: OtherStack) -> None:
    """The last incident of the worker has what the engine can tell."""
    opened = [r for r in stack.watcher.records(WORKER) if "opened" in r.message]
    path = f"/incidents/{opened[-1].fields['incident']}"
    evidence = stack.wait_for(
        "the evidence", lambda: stack.watcher.get_api(path)["evidence"]
    )[0]
    assert LOG_LINE in evidence["log"]
    assert "sleep 0.1" in str(evidence["processes"])
    assert evidence["stats"]["memory_bytes"] > 0


def assert_failures_are_healed(engine: OtherEngine, stack: OtherStack) -> None:
    wallet, worker = stack.wallet(), add_worker(stack)
    with engine.check_health(worker):
        start_sidecar(stack, WORKER)

        # The container goes on without its daemon: only the processes show it.
        wallet.end_daemon()
        wait_outcome(stack, WALLET, "restart")
        assert "the process that served has gone" in last_restart(stack)
        wallet.set_fault("stop_process")
        wait_outcome(stack, WALLET, "restart", times=2)
        assert "is stopped (state T)" in last_restart(stack)
        assert f"exec {WALLET}" in stack.engine_calls()  # continued, so that it saves
        worker.run("touch", "/tmp/sick")
        wait_outcome(stack, WORKER, "restart")
        assert_evidence(stack)
        # The container may end before the command does, and kills it.
        start_in(worker.docker, ["touch", "/tmp/end"])
        if TELLS_STOPS:
            wait_outcome(stack, WORKER, "start")
        else:
            reason = stack.wait_state(WORKER, "stopped")["reason"]
            assert reason == "found stopped (exit 0), as by an operator"
    assert WALLET in engine.run("exec", stack.watcher.name, "sidecar", "status")
    assert not [r for r in stack.watcher.records() if "engine is lost" in r.message]


def assert_left(stack: OtherStack, worker: Box, left_as: str) -> None:
    stack.wait_state(WORKER, left_as)
    time.sleep(AT_REST_S)
    assert worker.status == "exited"


def assert_stops_stay(engine: OtherEngine, stack: OtherStack) -> None:
    wallet, worker = stack.wallet(shape="pid1"), add_worker(stack)
    stubborn = add_worker(stack, STUBBORN, "trap '' TERM; while :; do sleep 0.1; done")
    with engine.check_health(worker, stubborn):
        start_sidecar(stack, WORKER, STUBBORN)
        # The worker ends with a code of its own when it is asked to stop.
        for command, left_as in ((STOP, LEFT_AS), (("kill",), "stopped")):
            engine.run(*command, worker.name)
            assert_left(stack, worker, left_as)
            engine.run("start", worker.name)
            stack.wait_healthy(WORKER)
        engine.run("restart", worker.name)
        engine.run(*STOP, stubborn.name)
        stack.wait_state(STUBBORN, "stopped")
        stack.wait_healthy(WALLET, WORKER)
        assert stack.lifecycle_calls() == []

        # While Sidecar is down, one is stopped, and one ends by itself.
        stack.watcher.docker.stop()
        engine.run(*STOP, worker.name)
        wallet.end_daemon()
        stack.wait_for("the wallet has ended", lambda: wallet.status == "exited")
        stack.watcher.docker.start()
        stack.wait_state(WORKER, LEFT_AS)
        if TELLS_STOPS:
            wait_outcome(stack, WALLET, "start")
        else:
            stack.wait_state(WALLET, "down")
            (hold,) = stack.watcher.decisions(WALLET, "hold")
            assert "does not say whether somebody stopped it" in hold.message
        time.sleep(AT_REST_S)
        started = [f"start {WALLET}"] if TELLS_STOPS else []
        assert stack.lifecycle_calls() == started
        assert worker.status == stubborn.status == "exited"


async def assert_drills_are_undone(engine: OtherEngine, stack: OtherStack) -> None:
    bench = DrillBench(stack, {"DOCKER_HOST": f"unix://{engine.socket}"})
    box, own = bench.box("web"), bench.box("own")
    bench.own_id = own.id
    before = endpoints(box)
    for fault in (DrillFault.PAUSE, DrillFault.STOP, DrillFault.NETCUT):
        undo = await bench.make(fault, box)
        changed = (box.status, endpoints(box))
        assert changed != ("running", before), fault
        await bench.undo(fault, undo)
        assert (box.status, endpoints(box)) == ("running", before), fault
    for fault in (DrillFault.KILL, DrillFault.HANG) if engine.is_podman else ():
        with pytest.raises(DrillRefused, match="take the signal for an operator"):
            await bench.prepare(fault, box)
    await bench.engine.close()
