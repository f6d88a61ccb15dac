"""Faults of drills on a real engine: made, undone, and undone when all is different."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest
from docker.errors import NotFound
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from sidecar.core.model.container import Status
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_undo import DrillUndo
from sidecar.core.ports.engine import EngineError
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.status.process_inspection import find_stopped
from sidecar.drills.drill_tools import DrillRefused
from sidecar.drills.injection import inject_fault
from tests.engine.drill_bench import DrillBench, endpoints
from tests.engine.harness import (
    DEADLINE_S,
    POLL_S,
    RUN_LABEL,
    Box,
    Shape,
    Stack,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

SUBNET, ADDRESS = "10.213.{}.0/24", "10.213.{}.77"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")


@pytest.fixture
async def bench(stack: Stack) -> AsyncIterator[DrillBench]:
    bench = DrillBench(stack)
    yield bench
    await bench.engine.close()


@pytest.fixture
def make_network(stack: Stack) -> Iterator[Callable[..., Network]]:
    networks = []

    def make(name: str, subnet: str = "") -> Network:
        pool = IPAMConfig(pool_configs=[IPAMPool(subnet)]) if subnet else None
        network = stack.client.networks.create(
            f"{stack.project}-{name}", labels=RUN_LABEL, ipam=pool
        )
        networks.append(network)
        return network

    yield make
    for network in networks:
        with suppress(NotFound):
            network.reload()
            for container in network.containers:
                network.disconnect(container, force=True)
            network.remove()


async def test_cut_networks_are_joined_again_as_they_were(
    bench: DrillBench, make_network: Callable[..., Network]
) -> None:
    number = 16 + int(WORKER)
    fixed = make_network("fixed", SUBNET.format(number))
    back, doomed = make_network("back"), make_network("doomed")
    web, own = bench.box("web"), bench.box("own")
    fixed.connect(web.docker, aliases=["shop"], ipv4_address=ADDRESS.format(number))
    back.connect(web.docker)
    doomed.connect(web.docker)
    fixed.connect(own.docker)
    doomed.connect(own.docker)
    bench.own_id = own.id
    before = endpoints(web)
    assert before[fixed.name]["address"] == {"IPv4Address": ADDRESS.format(number)}

    async def cut_off(meanwhile: Callable[[], object]) -> None:
        undo = await bench.make(DrillFault.NETCUT, web)
        assert set(endpoints(web)) == {back.name}
        meanwhile()
        await bench.undo(DrillFault.NETCUT, undo)

    def remove_network() -> None:
        """A stopped container could not be started with a network that is gone."""
        web.docker.stop(timeout=0)
        doomed.disconnect(own.docker)
        doomed.remove()

    await cut_off(lambda: None)
    assert endpoints(web) == before
    await cut_off(lambda: web.docker.restart(timeout=0))
    assert endpoints(web) == before
    await cut_off(remove_network)
    del before[doomed.name]
    web.docker.start()
    assert endpoints(web) == before


async def test_newer_container_of_the_same_name_is_put_into_no_network(
    bench: DrillBench,
) -> None:
    web = bench.box("web")
    undo = await bench.make(DrillFault.NETCUT, web)
    name = web.name
    web.docker.remove(force=True)
    newer = bench.box("web", name=name)
    bench.stack.disconnect(newer)
    await bench.undo(DrillFault.NETCUT, undo)
    assert endpoints(newer) == {}


async def test_container_without_a_shared_network_cannot_be_cut_off(
    bench: DrillBench,
) -> None:
    lonely = bench.box("lonely", network_mode="none")
    hosted = bench.box("hosted", network_mode="host")
    for box in (lonely, hosted):
        with pytest.raises(DrillRefused) as refused:
            await bench.prepare(DrillFault.NETCUT, box)
        assert refused.value.reason.code is R.DRILL_NO_NETWORK


async def test_pause_ends(bench: DrillBench) -> None:
    box = bench.box("web")
    undo = await bench.make(DrillFault.PAUSE, box)
    assert (await bench.look(box)).status is Status.PAUSED
    await undo_until_done(bench, DrillFault.PAUSE, undo)
    # A slow engine calls it paused once more, until its runtime's own events have come.
    async with asyncio.timeout(DEADLINE_S):
        while (await bench.look(box)).status is Status.PAUSED:  # noqa: ASYNC110 - polls
            await asyncio.sleep(POLL_S)
    assert (await bench.look(box)).status is Status.RUNNING


async def test_pause_of_another_run_does_not_end(bench: DrillBench) -> None:
    box = bench.box("web")
    undo = await bench.make(DrillFault.PAUSE, box)
    box.docker.unpause()
    box.docker.restart(timeout=0)
    box.pause()
    await bench.undo(DrillFault.PAUSE, undo)
    assert (await bench.look(box)).status is Status.PAUSED

    box.docker.remove(force=True)
    await bench.undo(DrillFault.PAUSE, undo)


@pytest.mark.parametrize("shape", ["pid1", "init", "wrapper"])
async def test_every_process_hangs_and_goes_on(bench: DrillBench, shape: Shape) -> None:
    wallet = bench.stack.wallet(shape=shape)
    wallet.control("GET", "/state")

    async def wait_stopped(*, all_of_them: bool) -> None:
        """Wait until every process is stopped, or none: a signal takes a moment."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                processes = await bench.engine.processes(wallet.id)
                stopped = find_stopped(processes, await bench.look(wallet))
                if len(stopped) == (len(processes) if all_of_them else 0):
                    return
                await asyncio.sleep(POLL_S)

    undo = await bench.make(DrillFault.HANG, wallet)
    assert undo.by_command is (shape != "pid1")
    await wait_stopped(all_of_them=True)
    await bench.undo(DrillFault.HANG, undo)
    await wait_stopped(all_of_them=False)
    assert "balance" in str(wallet.control("GET", "/state"))

    undo = await bench.make(DrillFault.HANG, wallet)
    wallet.pause()
    undoing = asyncio.create_task(undo_until_done(bench, DrillFault.HANG, undo))
    await asyncio.sleep(0.5)
    assert wallet.status == "paused"
    wallet.docker.unpause()
    await undoing
    await wait_stopped(all_of_them=False)


async def undo_until_done(
    bench: DrillBench, fault: DrillFault, undo: DrillUndo
) -> None:
    """Undo as the runner does: not while somebody pauses the container."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await bench.undo(fault, undo)
            except EngineError:
                await asyncio.sleep(0.2)


async def test_hang_is_refused_where_no_command_can_stop_the_processes(
    bench: DrillBench,
) -> None:
    """The sidecar's own image has no shell."""
    forks = "import os, time; os.fork(); time.sleep(600)"
    command = ["python3", "-c", forks]
    box = Box(bench.stack.container("sidecar:local", "web", entrypoint=command))
    bench.stack.wait_for("a fork", lambda: len(box.docker.top()["Processes"]) == 2)
    with pytest.raises(DrillRefused) as refused:
        await bench.prepare(DrillFault.HANG, box)
    assert refused.value.reason.code is R.DRILL_NOT_STOPPED


@pytest.mark.parametrize("fault", [DrillFault.KILL, DrillFault.STOP])
async def test_ended_container_is_started_unless_it_is_another_run(
    bench: DrillBench, fault: DrillFault
) -> None:
    box = bench.box("web", restart_policy={"Name": "always"}, stop_signal="SIGKILL")
    undo = await bench.make(fault, box)
    ended = await bench.look(box)
    assert (ended.status, ended.exit_code) == (Status.EXITED, 137)
    await bench.undo(fault, undo)
    started = await bench.look(box)
    assert started.status is Status.RUNNING
    assert started.run != undo.run

    # That newer run is stopped by an operator.
    box.docker.stop(timeout=0)
    await bench.undo(fault, undo)
    assert (await bench.look(box)).status is Status.EXITED
    box.docker.start()

    # A container set aside has another name: a newer one has its place.
    undo = await bench.make(fault, box)
    box.docker.rename(f"{box.name}-old")
    await bench.undo(fault, undo)
    assert (await bench.look(box)).status is Status.EXITED
    box.docker.remove()
    await bench.undo(fault, undo)


async def test_container_that_would_vanish_is_not_ended(bench: DrillBench) -> None:
    box = bench.box("web", auto_remove=True)
    for fault in (DrillFault.KILL, DrillFault.STOP):
        with pytest.raises(DrillRefused) as refused:
            await bench.prepare(fault, box)
        assert refused.value.reason.code is R.REMOVED_AT_STOP


async def test_fault_is_not_made_in_another_run(bench: DrillBench) -> None:
    box = bench.box("web")
    for fault in (f for f in DrillFault if not f.rule.on_connections):
        undo = await bench.prepare(fault, box)
        box.docker.restart(timeout=0)
        before = await bench.look(box)
        with pytest.raises(DrillRefused) as refused:
            await inject_fault(bench.tools, fault, undo)
        assert refused.value.reason.code is R.DRILL_RUN_IS_OVER
        assert await bench.look(box) == before
