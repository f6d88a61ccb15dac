"""Sidecar itself leaves a network, and returns to it, between two probes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.probe_settings import ElectronCashProbe, HttpProbe
from sidecar.core.status.network_reach import find_surroundings
from sidecar.probes.own_networks import LOOK_EVERY_S
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeClock, FakeEngine
from tests.support.probe_servers import (
    HEALTHY,
    Server,
    never_reply,
    reply_by_method,
    run_server,
)
from tests.support.wallet_replicas import NET, OURS, healthy, replica_at

pytestmark = pytest.mark.usefixtures("steady_time")

OWN = replace(replica_at("127.0.0.9", number=9), name="demo-sidecar-1")
OTHER = "p_other"


def own_container_on(*networks: str) -> Container:
    """Sidecar's own container, on these networks."""
    endpoints = tuple(e._replace(network=n) for n in networks for e in OWN.endpoints)
    return replace(OWN, networks=frozenset(networks), endpoints=endpoints)


class OwnNetworkBench:
    """A prober whose own container can be moved; ``looks`` counts its inspections."""

    def __init__(self, own: Container) -> None:
        self.clock = FakeClock()
        self.own: Container | None = own
        self.looks = 0
        self.prober = ProbeRunner(FakeEngine(self.clock), self.clock, own=self.get_own)
        self.update_surroundings()

    async def get_own(self) -> Container | None:
        self.looks += 1
        return self.own

    def update_surroundings(self) -> None:
        self.prober.set_surroundings(find_surroundings(self.own, ()))

    async def probe(self, port: int, container: Container) -> ProbeResult:
        self.clock.advance(LOOK_EVERY_S)
        settings = HttpProbe(f"http://localhost:{port}/", timeout_s=0.6)
        return await self.prober.probe(settings, container)


@pytest.fixture
async def bench() -> AsyncIterator[OwnNetworkBench]:
    bench = OwnNetworkBench(own_container_on(NET))
    yield bench
    await bench.prober.close()


async def test_network_that_sidecar_left_is_no_fault_of_the_target(
    bench: OwnNetworkBench,
) -> None:
    async with run_server(healthy, OURS) as server:
        assert (
            await bench.probe(server.port, replica_at(OURS))
        ).verdict is ProbeVerdict.SUCCESS
        assert bench.looks == 0
        bench.own = own_container_on()
        bench.update_surroundings()
        outcome_without_network = await bench.probe(server.port, replica_at(OURS))
    assert (outcome_without_network.verdict, outcome_without_network.cause) == (
        ProbeVerdict.UNKNOWN,
        Cause.OWN_NETWORK,
    )
    assert str(outcome_without_network.reason) == (
        f"Sidecar is not on the network {NET} any more: "
        f"docker network connect {NET} demo-sidecar-1"
    )


async def test_regained_network_is_noticed_before_the_next_list(
    bench: OwnNetworkBench,
) -> None:
    bench.own = own_container_on()
    bench.update_surroundings()
    async with run_server(healthy, OURS) as server:
        assert (
            await bench.probe(server.port, replica_at(OURS))
        ).cause is Cause.OWN_NETWORK
        bench.own = own_container_on(NET)
        assert (
            await bench.probe(server.port, replica_at(OURS))
        ).verdict is ProbeVerdict.SUCCESS


async def test_one_inspection_serves_many_probes(bench: OwnNetworkBench) -> None:
    bench.own = own_container_on()
    bench.update_surroundings()
    settings = HttpProbe("http://localhost:1/", timeout_s=0.6)
    for _ in range(5):
        outcome = await bench.prober.probe(settings, replica_at(OURS))
        assert outcome.cause is Cause.OWN_NETWORK
    assert bench.looks == 1


@pytest.mark.parametrize(
    ("was", "now", "cause"),
    [
        ((NET, OTHER), (OTHER,), Cause.OWN_NETWORK),
        ((OTHER,), (), Cause.OWN_NETWORK),
        ((OTHER,), (OTHER,), Cause.DETACHED),
    ],
    ids=["one of two left", "on none at all", "never shared one"],
)
async def test_only_a_network_that_sidecar_left_is_its_own_fault(
    was: tuple[str, ...], now: tuple[str, ...], cause: Cause
) -> None:
    bench = OwnNetworkBench(own_container_on(*was))
    bench.own = own_container_on(*now)
    bench.update_surroundings()
    outcome = await bench.probe(1, replica_at(OURS))
    await bench.prober.close()
    assert outcome.cause is cause


async def test_target_that_left_the_shared_network_is_detached(
    bench: OwnNetworkBench,
) -> None:
    away = replace(replica_at(OURS), networks=frozenset({OTHER}))
    moved = tuple(e._replace(network=OTHER) for e in away.endpoints)
    outcome = await bench.probe(1, replace(away, endpoints=moved))
    assert (outcome.verdict, outcome.cause) == (ProbeVerdict.FAILURE, Cause.DETACHED)


async def test_sidecar_outside_a_container_blames_no_own_network(
    bench: OwnNetworkBench,
) -> None:
    bench.own = None
    bench.update_surroundings()
    outcome = await bench.probe(1, replica_at())
    assert outcome.cause is Cause.DETACHED
    assert not outcome.shares_network


async def test_unreachable_target_on_a_shared_network_is_detached(
    bench: OwnNetworkBench,
) -> None:
    outcome = await bench.probe(1, replica_at())
    assert outcome.cause is Cause.DETACHED
    assert outcome.shares_network


# a request that was open when our own network was lost


def own_container_elsewhere(*networks: str) -> Container:
    """Sidecar's own container, back at another address."""
    own = own_container_on(*networks)
    moved = tuple(e._replace(addresses=("127.0.0.77",)) for e in own.endpoints)
    return replace(own, endpoints=moved)


TIMEOUT_S = 1.0


async def wallet(bench: OwnNetworkBench, server: Server) -> ProbeResult:
    bench.clock.advance(LOOK_EVERY_S)
    url = f"http://localhost:{server.port}/"
    settings = ElectronCashProbe(url, timeout_s=TIMEOUT_S)
    return await bench.prober.probe(settings, replica_at(OURS))


async def test_request_on_a_lost_network_is_dropped(bench: OwnNetworkBench) -> None:
    async with run_server(never_reply, OURS) as server:
        assert (await wallet(bench, server)).cause is Cause.HUNG
        bench.own = own_container_on()
        assert (await wallet(bench, server)).cause is Cause.OWN_NETWORK
        server.reply = reply_by_method(HEALTHY)
        bench.own = own_container_on(NET)
        bench.update_surroundings()
        assert (await wallet(bench, server)).verdict is ProbeVerdict.SUCCESS
        assert server.most_open == 1


async def test_request_from_a_former_own_address_is_dropped(
    bench: OwnNetworkBench,
) -> None:
    """Sidecar left the network and returned between two inspections."""
    async with run_server(never_reply, OURS) as server:
        assert (await wallet(bench, server)).cause is Cause.HUNG
        server.reply = reply_by_method(HEALTHY)
        bench.own = own_container_elsewhere(NET)
        assert (await wallet(bench, server)).verdict is ProbeVerdict.SUCCESS
        assert server.most_open == 1


async def test_order_drops_a_request_from_a_former_own_address(
    bench: OwnNetworkBench,
) -> None:
    async with run_server(never_reply, OURS) as server:
        await wallet(bench, server)
        server.reply = reply_by_method(HEALTHY)
        bench.own = own_container_elsewhere(NET)
        bench.update_surroundings()
        settings = ElectronCashProbe(f"http://localhost:{server.port}/")
        began = asyncio.get_running_loop().time()
        assert await bench.prober.wallet_control.answers(
            settings, replica_at(OURS), 30.0
        )
        assert asyncio.get_running_loop().time() - began < 5.0


@pytest.mark.parametrize(
    "now", [own_container_on(NET), own_container_on(NET, OTHER), None]
)
async def test_request_on_a_kept_network_is_waited_for(
    bench: OwnNetworkBench, now: Container | None
) -> None:
    """A busy daemon must not get a second request."""
    async with run_server(never_reply, OURS) as server:
        await wallet(bench, server)
        bench.own = now
        bench.update_surroundings()
        assert (await wallet(bench, server)).cause is Cause.HUNG
    assert server.methods == ["ping"]
