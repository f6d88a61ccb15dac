"""Sidecar itself leaves a network, and comes back to it, between two probes."""

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
from tests.adapters.probes.test_addresses import NET, OURS, at, healthy
from tests.support.fakes import FakeClock, FakeEngine
from tests.support.probe_servers import HEALTHY, Server, scripted, serving, silent

OWN = replace(at("127.0.0.9", number=9), name="demo-sidecar-1")
OTHER = "p_other"


def on(*networks: str) -> Container:
    """Sidecar's own container, on these networks."""
    endpoints = tuple(e._replace(network=n) for n in networks for e in OWN.endpoints)
    return replace(OWN, networks=frozenset(networks), endpoints=endpoints)


class House:
    """A prober whose own container can be moved; ``looks`` counts who asked for it."""

    def __init__(self, own: Container) -> None:
        self.clock = FakeClock()
        self.own: Container | None = own
        self.looks = 0
        self.prober = ProbeRunner(FakeEngine(self.clock), self.clock, own=self.look)
        self.lists()

    async def look(self) -> Container | None:
        self.looks += 1
        return self.own

    def lists(self) -> None:
        self.prober.set_surroundings(find_surroundings(self.own, ()))

    async def probe(self, port: int, container: Container) -> ProbeResult:
        self.clock.advance(LOOK_EVERY_S)
        settings = HttpProbe(f"http://localhost:{port}/", timeout_s=0.6)
        return await self.prober.probe(settings, container)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House(on(NET))
    yield made
    await made.prober.close()


async def test_a_network_that_we_left_is_no_fault_of_the_target(house: House) -> None:
    async with serving(healthy, OURS) as server:
        assert (
            await house.probe(server.port, at(OURS))
        ).verdict is ProbeVerdict.SUCCESS
        assert house.looks == 0
        house.own = on()
        house.lists()
        lost = await house.probe(server.port, at(OURS))
    assert (lost.verdict, lost.cause) == (ProbeVerdict.UNKNOWN, Cause.OWN_NETWORK)
    assert str(lost.reason) == (
        f"Sidecar is not on the network {NET} any more: "
        f"docker network connect {NET} demo-sidecar-1"
    )


async def test_that_we_are_back_is_seen_without_waiting_for_the_next_list(
    house: House,
) -> None:
    house.own = on()
    house.lists()
    async with serving(healthy, OURS) as server:
        assert (await house.probe(server.port, at(OURS))).cause is Cause.OWN_NETWORK
        house.own = on(NET)
        assert (
            await house.probe(server.port, at(OURS))
        ).verdict is ProbeVerdict.SUCCESS


async def test_one_look_serves_many_probes(house: House) -> None:
    house.own = on()
    house.lists()
    settings = HttpProbe("http://localhost:1/", timeout_s=0.6)
    for _ in range(5):
        found = await house.prober.probe(settings, at(OURS))
        assert found.cause is Cause.OWN_NETWORK
    assert house.looks == 1


@pytest.mark.parametrize(
    ("was", "now", "cause"),
    [
        ((NET, OTHER), (OTHER,), Cause.OWN_NETWORK),
        ((OTHER,), (), Cause.OWN_NETWORK),
        ((OTHER,), (OTHER,), Cause.DETACHED),
    ],
    ids=["one of two left", "on none at all", "never shared one"],
)
async def test_only_what_we_left_is_our_own_fault(
    was: tuple[str, ...], now: tuple[str, ...], cause: Cause
) -> None:
    house = House(on(*was))
    house.own = on(*now)
    house.lists()
    found = await house.probe(1, at(OURS))
    await house.prober.close()
    assert found.cause is cause


async def test_a_target_that_left_our_network_is_detached_itself(house: House) -> None:
    away = replace(at(OURS), networks=frozenset({OTHER}))
    moved = tuple(e._replace(network=OTHER) for e in away.endpoints)
    found = await house.probe(1, replace(away, endpoints=moved))
    assert (found.verdict, found.cause) == (ProbeVerdict.FAILURE, Cause.DETACHED)


async def test_where_we_are_in_no_container_nothing_is_blamed(house: House) -> None:
    house.own = None
    house.lists()
    found = await house.probe(1, at())
    assert found.cause is Cause.DETACHED
    assert not found.shares_network


async def test_what_is_not_reached_on_a_network_of_ours_is_lost_itself(
    house: House,
) -> None:
    found = await house.probe(1, at())
    assert found.cause is Cause.DETACHED
    assert found.shares_network


# a request that was open when our own network was lost


def elsewhere(*networks: str) -> Container:
    """Sidecar's own container, back at another address."""
    own = on(*networks)
    moved = tuple(e._replace(addresses=("127.0.0.77",)) for e in own.endpoints)
    return replace(own, endpoints=moved)


async def wallet(house: House, server: Server) -> ProbeResult:
    house.clock.advance(LOOK_EVERY_S)
    settings = ElectronCashProbe(f"http://localhost:{server.port}/", timeout_s=0.2)
    return await house.prober.probe(settings, at(OURS))


async def test_a_request_that_our_network_took_along_is_left(house: House) -> None:
    async with serving(silent, OURS) as server:
        assert (await wallet(house, server)).cause is Cause.HUNG
        house.own = on()
        assert (await wallet(house, server)).cause is Cause.OWN_NETWORK
        server.reply = scripted(HEALTHY)
        house.own = on(NET)
        house.lists()
        assert (await wallet(house, server)).verdict is ProbeVerdict.SUCCESS
        assert server.most_open == 1


async def test_a_request_from_an_address_that_is_ours_no_more_is_left(
    house: House,
) -> None:
    """We left and came back between two looks."""
    async with serving(silent, OURS) as server:
        assert (await wallet(house, server)).cause is Cause.HUNG
        server.reply = scripted(HEALTHY)
        house.own = elsewhere(NET)
        assert (await wallet(house, server)).verdict is ProbeVerdict.SUCCESS
        assert server.most_open == 1


async def test_an_order_leaves_such_a_request_as_well(house: House) -> None:
    async with serving(silent, OURS) as server:
        await wallet(house, server)
        server.reply = scripted(HEALTHY)
        house.own = elsewhere(NET)
        house.lists()
        settings = ElectronCashProbe(f"http://localhost:{server.port}/")
        began = asyncio.get_running_loop().time()
        assert await house.prober.wallet_control.answers(settings, at(OURS), 30.0)
        assert asyncio.get_running_loop().time() - began < 5.0


@pytest.mark.parametrize("now", [on(NET), on(NET, OTHER), None])
async def test_a_request_of_which_nothing_was_lost_is_waited_for(
    house: House, now: Container | None
) -> None:
    """A busy daemon is not to have a second one."""
    async with serving(silent, OURS) as server:
        await wallet(house, server)
        house.own = now
        house.lists()
        assert (await wallet(house, server)).cause is Cause.HUNG
    assert server.methods == ["ping"]
