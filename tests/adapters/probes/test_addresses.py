"""Probes and orders go to a container's own addresses, not to its neighbour's.

Each address of 127.0.0.0/8 stands for a container here.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Container, Endpoint
from sidecar.core.model.probe_result import ProbeResult, ProbeVerdict
from sidecar.core.model.probe_settings import (
    Credentials,
    ElectronCashProbe,
    HttpProbe,
    JsonRpcProbe,
    ProbeSettings,
    TcpProbe,
)
from sidecar.core.ports.loop import RpcFailed
from sidecar.core.status.network_reach import find_surroundings
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeEngine, LoopClock, a_container
from tests.support.probe_servers import full_backlog, never_reply, run_server
from tests.support.wallet_replicas import NEIGHBOUR, OURS, SISTER, healthy, replica_at

pytestmark = pytest.mark.usefixtures("steady_time")

LOGIN = Credentials("user", "password-of-ours")
STEP = 0.6


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(LoopClock())


@pytest.fixture
async def prober(engine: FakeEngine) -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(engine, LoopClock())
    probes.set_surroundings(find_surroundings(replica_at("127.0.0.9", number=9), ()))
    yield probes
    await probes.close()


def probe_settings(port: int) -> list[ProbeSettings]:
    """``localhost`` leads to the neighbour, as a name on a shared network may."""
    url = f"http://localhost:{port}/"
    return [
        ElectronCashProbe(url, timeout_s=STEP, credentials=LOGIN),
        JsonRpcProbe(url, "ping", timeout_s=STEP, credentials=LOGIN),
        HttpProbe(url, timeout_s=STEP, credentials=LOGIN),
        TcpProbe("localhost", port, timeout_s=STEP),
    ]


async def test_no_kind_of_probe_asks_a_neighbour_of_the_same_name(
    prober: ProbeRunner,
) -> None:
    async with (
        run_server(healthy, OURS) as ours,
        run_server(healthy, NEIGHBOUR, ours.port) as neighbour,
    ):
        for settings in probe_settings(ours.port):
            outcome = await prober.probe(settings, replica_at(OURS))
            assert outcome.verdict is ProbeVerdict.SUCCESS, settings
        assert neighbour.all == []


async def test_a_dead_daemon_is_refused_though_a_neighbour_of_its_name_answers(
    prober: ProbeRunner,
) -> None:
    async with run_server(healthy, NEIGHBOUR) as neighbour:
        for settings in probe_settings(neighbour.port):
            outcome = await prober.probe(settings, replica_at(OURS))
            assert outcome.cause is Cause.REFUSED, settings
        assert neighbour.all == []


async def test_orders_go_to_no_neighbour_of_the_same_name(prober: ProbeRunner) -> None:
    control = prober.wallet_control
    async with run_server(healthy, NEIGHBOUR) as neighbour:
        settings = ElectronCashProbe(f"http://localhost:{neighbour.port}/")
        with pytest.raises(RpcFailed, match="refused"):
            await control.stop(settings, replica_at(OURS), STEP)
        with pytest.raises(RpcFailed, match="refused"):
            await control.load_wallets(settings, replica_at(OURS), (), STEP)
        assert not await control.answers(settings, replica_at(OURS), STEP)
        assert neighbour.all == []


async def test_the_host_header_is_as_configured_for_each_replica(
    prober: ProbeRunner,
) -> None:
    async with (
        run_server(healthy, OURS) as first,
        run_server(healthy, SISTER, first.port) as second,
    ):
        url = f"http://Electron-Cash:{first.port}/health"
        for number, address in ((1, OURS), (2, SISTER)):
            outcome = await prober.probe(
                HttpProbe(url), replica_at(address, number=number)
            )
            assert outcome.verdict is ProbeVerdict.SUCCESS
        for server in (first, second):
            (connection,) = server.all
            request_bytes = b"".join(connection.chunks).lower()
            assert f"host: electron-cash:{first.port}".encode() in request_bytes


async def test_replicas_behind_one_url_do_not_wait_for_each_other(
    prober: ProbeRunner,
) -> None:
    async with (
        run_server(never_reply, OURS) as first,
        run_server(healthy, SISTER, first.port),
    ):
        url = f"http://electron-cash:{first.port}/"
        settings = ElectronCashProbe(url, timeout_s=STEP)
        began = asyncio.get_running_loop().time()
        slow, quick = await asyncio.gather(
            prober.probe(settings, replica_at(OURS)),
            prober.probe(settings, replica_at(SISTER, number=2)),
        )
        assert asyncio.get_running_loop().time() - began < 2 * STEP
    assert slow.cause is Cause.HUNG
    assert quick.verdict is ProbeVerdict.SUCCESS


# several addresses of one container


async def test_a_silent_address_leaves_time_for_the_next(prober: ProbeRunner) -> None:
    with full_backlog(OURS) as port:
        async with run_server(healthy, SISTER, port):
            for settings in probe_settings(port):
                outcome = await prober.probe(settings, replica_at(OURS, SISTER))
                assert outcome.verdict is ProbeVerdict.SUCCESS, settings


async def test_silent_address_is_named_in_the_reason(prober: ProbeRunner) -> None:
    with full_backlog(OURS) as port:
        for settings in probe_settings(port):
            refused = await prober.probe(settings, replica_at(OURS, SISTER))
            assert refused.cause is Cause.REFUSED
            place = f"localhost:{port}({SISTER};silent:{OURS})"
            assert str(refused.reason) == f"connection refused by {place}"


async def test_all_silent_addresses_are_named_in_the_reason(
    prober: ProbeRunner,
) -> None:
    with full_backlog(OURS) as port, full_backlog(SISTER, port):
        for settings in probe_settings(port):
            began = asyncio.get_running_loop().time()
            outcome = await prober.probe(settings, replica_at(OURS, SISTER))
            assert asyncio.get_running_loop().time() - began < STEP + 0.5
            assert outcome.cause is Cause.HUNG
            assert outcome.path_fault
            assert f"localhost:{port}({SISTER};silent:{OURS})" in str(outcome.reason)


async def test_a_single_address_is_not_named(prober: ProbeRunner) -> None:
    with full_backlog(OURS) as port:
        outcome = await prober.probe(probe_settings(port)[2], replica_at(OURS))
    assert str(outcome.reason).startswith(
        f"localhost:{port} accepted no connection for"
    )


# containers without an address


async def probe_each_kind(
    prober: ProbeRunner, container: Container
) -> list[ProbeResult]:
    return [await prober.probe(settings, container) for settings in probe_settings(1)]


async def test_container_without_a_shared_network_is_detached(
    prober: ProbeRunner,
) -> None:
    container = a_container(
        endpoints=(Endpoint("other", ("127.0.0.2",), frozenset({"localhost"})),),
        network_mode="other",
    )
    for outcome in await probe_each_kind(prober, container):
        assert (outcome.cause, outcome.path_fault) == (Cause.DETACHED, True)
        assert "it is on other, Sidecar on p_default" in str(outcome.reason)


async def test_container_on_no_network_is_unknown(prober: ProbeRunner) -> None:
    container = a_container(service="localhost", network_mode="none")
    for outcome in await probe_each_kind(prober, container):
        assert outcome.verdict is ProbeVerdict.UNKNOWN
        assert "it is on no network" in str(outcome.reason)
    settings = ElectronCashProbe("http://localhost:1/")
    with pytest.raises(RpcFailed, match="on no network"):
        await prober.wallet_control.stop(settings, container, STEP)


# what the engine does not tell of


async def test_a_container_that_was_taken_off_its_network_is_detached(
    prober: ProbeRunner, engine: FakeEngine
) -> None:
    apart = replace(replica_at(), endpoints=(Endpoint("other", ("127.0.0.8",)),))
    apart = replace(apart, service="localhost")
    engine.held["c1"] = apart
    with full_backlog(OURS) as port:
        for settings in probe_settings(port):
            outcome = await prober.probe(settings, replica_at(OURS))
            assert outcome.cause is Cause.DETACHED
            assert "it is on other, Sidecar on p_default" in str(outcome.reason)


async def test_a_container_whose_address_has_changed_is_asked_at_the_new_one(
    prober: ProbeRunner, engine: FakeEngine
) -> None:
    engine.held["c1"] = replica_at(SISTER)
    async with run_server(healthy, SISTER) as server:
        for settings in probe_settings(server.port):
            outcome = await prober.probe(settings, replica_at(OURS))
            assert outcome.verdict is ProbeVerdict.SUCCESS


async def test_a_container_that_is_back_on_its_network_is_asked_before_the_next_list(
    prober: ProbeRunner, engine: FakeEngine
) -> None:
    apart = replace(replica_at(), endpoints=(), networks=frozenset())
    engine.held["c1"] = replica_at(OURS)
    async with run_server(healthy, OURS) as server:
        for settings in probe_settings(server.port):
            by_service = replace(apart, service="localhost")
            outcome = await prober.probe(settings, by_service)
            assert outcome.verdict is ProbeVerdict.SUCCESS, settings


async def test_failure_at_the_current_address_is_a_failure(
    prober: ProbeRunner, engine: FakeEngine
) -> None:
    engine.held["c1"] = replica_at(OURS)
    with full_backlog(OURS) as port:
        outcome = await prober.probe(probe_settings(port)[2], replica_at(OURS))
    assert outcome.cause is Cause.HUNG
    assert engine.calls == [("inspect", "c1")]
