"""Orders to a wallet daemon to which a request is still open, on scripted sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.core.model.probe_settings import ElectronCashProbe
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
    Connection,
    never_reply,
    refused_port,
    reply_by_method,
    result,
    run_server,
)

pytestmark = pytest.mark.usefixtures("steady_time")


@pytest.fixture
async def prober() -> AsyncIterator[ProbeRunner]:
    clock = FakeClock()
    probes = ProbeRunner(FakeEngine(clock, CONTAINER), clock)
    yield probes
    await probes.close()


async def test_stop_closes_the_open_request(prober: ProbeRunner) -> None:
    answers = HEALTHY | {"stop": "Daemon stopped"}
    held_reply = BlockedDaemon("ping", answers)
    async with run_server(held_reply) as server:
        await run_probes(prober, server)
        server.reply = reply_by_method(answers)
        await prober.wallet_control.stop(settings(server), CONTAINER, LONG_S)
        first = await server.first_connection()
        await asyncio.wait_for(first.closed_by_peer.wait(), LONG_S)
    assert server.methods == ["ping", "stop"]


async def test_the_answer_to_the_open_request_is_a_sign_of_life(
    prober: ProbeRunner,
) -> None:
    held_reply = BlockedDaemon("ping")
    async with run_server(held_reply) as server:
        await run_probes(prober, server)
        asked = asyncio.ensure_future(
            prober.wallet_control.answers(settings(server), CONTAINER, LONG_S)
        )
        await asyncio.sleep(0)
        held_reply.release()
        assert await asked
    assert server.methods == ["ping"]


@pytest.mark.parametrize(
    ("reply", "alive"),
    [
        (reply_by_method(HEALTHY), True),
        (reply_by_method({}), True),
        (never_reply, False),
        (Connection.reset, False),
    ],
    ids=["answers", "answers an error", "silent", "breaks"],
)
async def test_check_without_an_open_request_sends_a_ping(
    prober: ProbeRunner, reply: Callable[[Connection], None], alive: bool
) -> None:
    async with run_server(reply) as server:
        answered = await prober.wallet_control.answers(settings(server), CONTAINER, 0.3)
    assert answered is alive
    assert server.methods == ["ping"]


async def test_a_closed_port_is_no_sign_of_life(prober: ProbeRunner) -> None:
    with refused_port() as port:
        probe = ElectronCashProbe(f"http://127.0.0.1:{port}/")
        assert not await prober.wallet_control.answers(probe, CONTAINER, LONG_S)


async def test_dead_connection_does_not_make_the_daemon_silent(
    prober: ProbeRunner,
) -> None:
    async with run_server(never_reply) as server:
        await run_probes(prober, server)
        server.reply = reply_by_method(HEALTHY)
        assert await prober.wallet_control.answers(settings(server), CONTAINER, 0.6)
        assert server.most_open == 1
    assert server.methods == ["ping", "ping"]


async def test_a_daemon_that_was_silent_for_the_order_keeps_its_last_request(
    prober: ProbeRunner,
) -> None:
    held_reply = BlockedDaemon("ping")
    async with run_server(held_reply) as server:
        await run_probes(prober, server)
        assert not await prober.wallet_control.answers(
            settings(server), CONTAINER, TIMEOUT_S
        )
        assert server.methods == ["ping", "ping"]
        assert (len(server.open), server.most_open) == (1, 1)
        held_reply.release()
        (outcome,) = await run_probes(prober, server)
    assert outcome.verdict is ProbeVerdict.SUCCESS


async def test_answer_without_a_result_is_a_sign_of_life(prober: ProbeRunner) -> None:
    answers = HEALTHY | {"ping": result(None)}
    async with run_server(reply_by_method(answers)) as server:
        assert await prober.wallet_control.answers(settings(server), CONTAINER, LONG_S)


async def test_a_request_that_breaks_is_followed_by_a_ping(prober: ProbeRunner) -> None:
    async with run_server(never_reply) as server:
        await run_probes(prober, server)
        asked = asyncio.ensure_future(
            prober.wallet_control.answers(settings(server), CONTAINER, LONG_S)
        )
        await asyncio.sleep(0.05)
        server.reply = reply_by_method(HEALTHY)
        (await server.first_connection()).reset()
        assert await asked, "a broken connection is no evidence about the daemon"
    assert server.methods == ["ping", "ping"]


async def test_a_load_goes_on_where_the_request_before_it_broke(
    prober: ProbeRunner,
) -> None:
    async with run_server(never_reply) as server:
        await run_probes(prober, server)
        server.reply = reply_by_method(HEALTHY)
        (await server.first_connection()).reset()
        control = prober.wallet_control
        path = "/data/wallets/default_wallet"
        missing = await control.load_wallets(
            settings(server), CONTAINER, (path,), LONG_S
        )
    assert missing == ()
