"""Faults of a drill at Sidecar's own connections: to one run of one container alone."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.probe_result import ProbeVerdict, ProbeWarning
from sidecar.core.model.probe_settings import (
    ElectronCashProbe,
    HttpProbe,
    JsonRpcProbe,
    RunningProbe,
    TcpProbe,
)
from sidecar.core.ports.loop import RpcFailed
from sidecar.core.status.network_reach import find_surroundings
from sidecar.probes.connection_faults import BEYOND_S, ConnectionFaults
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeEngine, LoopClock
from tests.support.probe_servers import Server, run_server
from tests.support.wallet_replicas import OURS, SISTER, healthy, replica_at

DRILLED, OTHER = replica_at(OURS), replica_at(SISTER, number=2)
NEXT_RUN = replace(DRILLED, started_at=DRILLED.started_at + 1.0)
WITHIN_S = 5.0


@pytest.fixture
async def prober() -> AsyncIterator[ProbeRunner]:
    engine = FakeEngine(LoopClock())
    engine.held |= {c.id: c for c in (DRILLED, OTHER)}
    probes = ProbeRunner(engine, LoopClock())
    own = replica_at("127.0.0.9", number=9)
    probes.set_surroundings(find_surroundings(own, (DRILLED, OTHER)))
    yield probes
    probes.faults.end()
    await probes.close()


@pytest.fixture
async def daemon() -> AsyncIterator[Server]:
    async with run_server(healthy, OURS) as server:
        yield server


def wallet_at(server: Server, slow_after_s: float = 10.0) -> ElectronCashProbe:
    return ElectronCashProbe(
        f"http://localhost:{server.port}/",
        timeout_s=WITHIN_S,
        slow_after_s=slow_after_s,
    )


async def test_refusal_is_that_of_a_closed_port_for_every_kind_of_probe(
    prober: ProbeRunner, daemon: Server
) -> None:
    prober.faults.begin(DrillFault.REFUSE, DRILLED.run)
    url = f"http://localhost:{daemon.port}/"
    for settings in (
        wallet_at(daemon),
        JsonRpcProbe(url, "ping"),
        HttpProbe(url),
        TcpProbe("localhost", daemon.port),
    ):
        outcome = await prober.probe(settings, DRILLED)
        assert outcome.cause is Cause.REFUSED, settings
        place = f"connection refused by localhost:{daemon.port}"
        assert str(outcome.reason) == place
    assert daemon.all == []
    prober.faults.end()
    outcome = await prober.probe(wallet_at(daemon), DRILLED)
    assert outcome.verdict is ProbeVerdict.SUCCESS


async def test_refusal_ends_with_the_run_and_is_not_of_other_containers(
    prober: ProbeRunner, daemon: Server
) -> None:
    prober.faults.begin(DrillFault.REFUSE, DRILLED.run)
    outcome = await prober.probe(wallet_at(daemon), NEXT_RUN)
    assert outcome.verdict is ProbeVerdict.SUCCESS
    async with run_server(healthy, SISTER) as sister:
        outcome = await prober.probe(wallet_at(sister), OTHER)
    assert outcome.verdict is ProbeVerdict.SUCCESS


async def test_probe_of_another_container_is_refused_at_the_drilled_one(
    prober: ProbeRunner, daemon: Server
) -> None:
    """A target may be asked whether it reaches what it depends on."""
    prober.faults.begin(DrillFault.REFUSE, DRILLED.run)
    by_name = HttpProbe(f"http://{DRILLED.name}:{daemon.port}/")
    assert (await prober.probe(by_name, OTHER)).cause is Cause.REFUSED


async def test_wallet_control_is_refused_except_for_the_stop_that_saves(
    prober: ProbeRunner, daemon: Server
) -> None:
    control = prober.wallet_control
    prober.faults.begin(DrillFault.REFUSE, DRILLED.run)
    assert not await control.answers(wallet_at(daemon), DRILLED, WITHIN_S)
    with pytest.raises(RpcFailed, match="refused"):
        await control.load_wallets(wallet_at(daemon), DRILLED, (), WITHIN_S)
    assert daemon.methods == []
    with pytest.raises(RpcFailed):
        await control.stop(wallet_at(daemon), DRILLED, WITHIN_S)
    assert daemon.methods == ["stop"]


@pytest.mark.usefixtures("steady_time")
async def test_answer_is_slow_and_still_an_answer(
    prober: ProbeRunner, daemon: Server
) -> None:
    prober.faults.begin(DrillFault.SLOW, DRILLED.run)
    settings = wallet_at(daemon, slow_after_s=0.1)
    began = asyncio.get_running_loop().time()
    outcome = await prober.probe(settings, DRILLED)
    assert asyncio.get_running_loop().time() - began >= 0.1 + BEYOND_S
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert outcome.warnings == (ProbeWarning.SLOW,)
    for probe, container in (
        (settings, NEXT_RUN),
        (RunningProbe(slow_after_s=0.1), DRILLED),
    ):
        outcome = await prober.probe(probe, container)
        assert (outcome.verdict, outcome.warnings) == (ProbeVerdict.SUCCESS, ())


async def test_wallet_daemon_seems_to_have_no_server(
    prober: ProbeRunner, daemon: Server
) -> None:
    prober.faults.begin(DrillFault.UPSTREAM, DRILLED.run)
    outcome = await prober.probe(wallet_at(daemon), DRILLED)
    assert outcome.cause is Cause.UPSTREAM_LOST
    assert outcome.wallet is not None
    assert not outcome.wallet.connected
    outcome = await prober.probe(wallet_at(daemon), NEXT_RUN)
    assert outcome.verdict is ProbeVerdict.SUCCESS


def test_port_that_refuses_can_be_taken_by_nobody_and_is_given_back() -> None:
    faults = ConnectionFaults()
    faults.begin(DrillFault.REFUSE, DRILLED.run)
    address = faults.closed_address("wallet", DRILLED.run)
    assert address is not None
    place = (address["host"], address["port"])
    with closing(socket.socket()) as other, pytest.raises(OSError, match="in use"):
        other.bind(place)
    faults.begin(DrillFault.SLOW, DRILLED.run)
    assert faults.closed_address("wallet", DRILLED.run) is None
    with closing(socket.socket()) as other:
        other.bind(place)
