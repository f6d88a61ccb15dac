"""One open request to a silent daemon, and its end, on scripted sockets."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import ProbeVerdict, ProbeWarning
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.probes.probe_target import probe_target
from sidecar.probes.prober import ProbeRunner
from tests.support.daemon_probes import (
    CONTAINER,
    LONG_S,
    TIMEOUT_S,
    run_probes,
    settings,
)
from tests.support.fakes import FakeClock, FakeEngine
from tests.support.probe_servers import (
    HEALTHY,
    BlockedDaemon,
    full_backlog,
    never_reply,
    reply_by_method,
    rpc_error,
    run_server,
)

pytestmark = pytest.mark.usefixtures("steady_time")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def prober(clock: FakeClock) -> AsyncIterator[ProbeRunner]:
    probes = ProbeRunner(FakeEngine(clock, CONTAINER), clock)
    yield probes
    await probes.close()


# One request, on one connection


async def test_a_silent_daemon_has_one_request_of_ours_whatever_the_probes(
    prober: ProbeRunner,
) -> None:
    async with run_server(never_reply) as server:
        outcomes = await run_probes(prober, server, 3)
        assert server.methods == ["ping"]
        assert len(server.all) == len(server.open) == 1
    assert [outcome.cause for outcome in outcomes] == [Cause.HUNG] * 3
    waited_s = [outcome.waited_s for outcome in outcomes]
    assert waited_s == sorted(waited_s)
    assert waited_s[-1] > 2.5 * TIMEOUT_S
    assert "no answer from 127.0.0.1" in str(outcomes[-1].reason)


async def test_a_late_answer_is_a_success_that_was_slow(prober: ProbeRunner) -> None:
    held_reply = BlockedDaemon("ping")
    async with run_server(held_reply) as server:
        await run_probes(prober, server, 2)
        held_reply.release()
        outcome = await probe_target(prober, (settings(server, LONG_S),), CONTAINER)
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert outcome.warnings == (ProbeWarning.SLOW,)
    assert outcome.waited_s > 1.5 * TIMEOUT_S
    assert server.methods == ["ping", "getinfo", "getbalance", "listaddresses"]


async def test_a_late_answer_is_used_and_not_asked_for_again(
    prober: ProbeRunner,
) -> None:
    held_reply = BlockedDaemon("getinfo")
    async with run_server(held_reply) as server:
        await run_probes(prober, server, 2)
        held_reply.release()
        (outcome,) = await run_probes(prober, server)
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert server.methods == ["ping", "getinfo", "getbalance", "listaddresses"]


async def test_a_late_error_is_an_answer_too(prober: ProbeRunner) -> None:
    held_reply = BlockedDaemon(
        "ping", HEALTHY | {"ping": rpc_error(-32603, "Server error")}
    )
    async with run_server(held_reply) as server:
        await run_probes(prober, server, 2)
        held_reply.release()
        (outcome,) = await run_probes(prober, server)
    assert outcome.verdict is ProbeVerdict.SUCCESS
    assert outcome.waited_s > 1.5 * TIMEOUT_S


@pytest.mark.parametrize("method", ["getinfo", "getbalance"])
async def test_silence_after_an_answer_is_thread_held(
    prober: ProbeRunner, method: str
) -> None:
    async with run_server(BlockedDaemon(method)) as server:
        (outcome,) = await run_probes(prober, server)
    assert outcome.cause is Cause.THREAD_HELD
    assert outcome.rpc_answers
    assert f"it answers, but {method} has not been answered for " in str(outcome.reason)


async def test_the_silence_that_follows_an_answer_is_silence_at_the_next_probe(
    prober: ProbeRunner,
) -> None:
    async with run_server(BlockedDaemon("getbalance")) as server:
        first, second = await run_probes(prober, server, 2)
        assert server.methods == ["ping", "getinfo", "getbalance"]
    assert [first.cause, second.cause] == [Cause.THREAD_HELD, Cause.HUNG]
    assert second.waited_s > 1.4 * TIMEOUT_S


async def test_a_count_of_addresses_that_is_not_answered_fails_no_probe(
    prober: ProbeRunner,
) -> None:
    held_reply = BlockedDaemon("listaddresses")
    async with run_server(held_reply) as server:
        (outcome,) = await run_probes(prober, server)
        assert outcome.verdict is ProbeVerdict.SUCCESS
        assert outcome.wallet is not None
        assert outcome.wallet.addresses is None
        assert len(server.open) == 1
        held_reply.release()
        (outcome,) = await run_probes(prober, server)
    assert outcome.wallet is not None
    assert outcome.wallet.addresses == 2
    assert server.methods.count("listaddresses") == 1
    assert server.most_open == 1


async def test_a_connection_that_breaks_ends_the_waiting(prober: ProbeRunner) -> None:
    async with run_server(never_reply) as server:
        await run_probes(prober, server)
        (await server.first_connection()).reset()
        (outcome,) = await run_probes(prober, server)
        assert (outcome.cause, outcome.broke_on) == (Cause.RESET, "ping")
        server.reply = reply_by_method(HEALTHY)
        (outcome,) = await run_probes(prober, server)
    assert outcome.verdict is ProbeVerdict.SUCCESS


async def test_new_run_gets_a_new_request(prober: ProbeRunner) -> None:
    async with run_server(never_reply) as server:
        await run_probes(prober, server)
        server.reply = reply_by_method(HEALTHY)
        fresh = replace(CONTAINER, started_at=CONTAINER.started_at + 60.0)
        outcome = await prober.probe(settings(server), fresh)
        assert outcome.verdict is ProbeVerdict.SUCCESS
        first = await server.first_connection()
        await asyncio.wait_for(first.closed_by_peer.wait(), LONG_S)
    assert server.methods[:2] == ["ping", "ping"]


async def test_connection_not_accepted_is_given_up(
    prober: ProbeRunner,
) -> None:
    with full_backlog() as port:
        probe = ElectronCashProbe(f"http://127.0.0.1:{port}/", TIMEOUT_S)
        outcomes = [await prober.probe(probe, CONTAINER) for _ in range(2)]
    for outcome in outcomes:
        assert outcome.cause is Cause.HUNG
        assert outcome.path_fault
        assert outcome.waited_s < 1.9 * TIMEOUT_S, "each is a request of its own"


async def test_the_connection_is_left_when_the_prober_closes(
    prober: ProbeRunner,
) -> None:
    async with run_server(never_reply) as server:
        await run_probes(prober, server)
        await prober.close()
        first = await server.first_connection()
        await asyncio.wait_for(first.closed_by_peer.wait(), LONG_S)
