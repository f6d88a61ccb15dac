"""An engine that is gone, silent or slow: the error, and the requests sent."""

import asyncio
import errno
import socket
import sys
import threading
import time

import pytest
from requests.exceptions import ConnectionError  # noqa: A004 - as the SDK
from urllib3.exceptions import ProtocolError

from sidecar.core.circuit_breaker import BreakerState, CircuitBreaker
from sidecar.core.ports.engine import EngineRefused, EngineTimeout, EngineUnreachable
from sidecar.engine.client import CALLS_AT_ONCE
from sidecar.engine.containers import ContainerOwner
from sidecar.engine.errors import engine_error
from sidecar.engine.requests import log_tail
from tests.support.engine_connection import (
    OWN,
    WITHIN_S,
    Requests,
    link_to,
    open_engine,
    threads_at_work,
    until,
    with_time_enough,
)
from tests.support.engine_server import EngineServer


async def test_no_socket_is_unreachable(
    server: EngineServer, requests: Requests
) -> None:
    server.stop()
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineUnreachable, match=r"No such file.*mounted\?"):
            await engine.containers()
    assert requests == [("list", "unreachable")]


def test_permission_error_of_the_socket_names_the_setting() -> None:
    # The SDK wraps it so; root, as whom tests may run, is let in everywhere.
    denied = PermissionError(errno.EACCES, "Permission denied")
    wrapped = ConnectionError(ProtocolError("Connection aborted.", denied))
    wrapped.__cause__ = denied
    error = engine_error(wrapped)
    assert isinstance(error, EngineUnreachable)
    assert "Permission denied" in str(error)
    assert "DOCKER_GID" in str(error)


async def test_stale_socket_is_unreachable(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        await engine.start(OWN)
        server.stop()
        with socket.socket(socket.AF_UNIX) as stale_socket:
            stale_socket.bind(str(server._where))
        with pytest.raises(EngineUnreachable, match="refused"):
            await engine.restart(OWN, 1.0)


async def test_an_act_that_finds_no_engine_was_not_sent(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        await engine.start(OWN)
        server.stop()
        with pytest.raises(EngineUnreachable):
            await engine.restart(OWN, 1.0)
    assert server.count_requests("/restart") == 0


async def test_an_engine_that_is_silent_from_the_start_was_sent_no_act(
    server: EngineServer, requests: Requests
) -> None:
    """It hangs during the negotiation of the version: the restart was never sent."""
    async with open_engine(link_to(server, requests), margin_s=0.0) as engine:
        await engine.stats(OWN)
        server.stop()
        with pytest.raises(EngineUnreachable):
            await engine.stats(OWN)
        server.hang.add("/version")
        server.start()

        async def restart(deadline_s: float) -> None:
            with pytest.raises(EngineUnreachable):
                await engine.restart(OWN, deadline_s)

        # A busy machine may end the call before its thread could say why.
        await with_time_enough(restart, EngineTimeout)
    assert server.count_requests("/restart") == 0


async def test_a_restart_without_an_answer_is_unknown_and_sent_once(
    server: EngineServer, requests: Requests
) -> None:
    server.hang.add("/restart")
    async with open_engine(link_to(server, requests), margin_s=0.2) as engine:

        async def restart(stop_s: float) -> None:
            began = time.monotonic()
            with pytest.raises(EngineTimeout, match=r"no (complete )?answer in time"):
                await engine.restart(OWN, stop_s)
            assert stop_s + 0.2 <= time.monotonic() - began < WITHIN_S

        await with_time_enough(restart)
    assert server.count_requests("/restart") == 1
    assert requests[-1] == ("restart", "timeout")


async def test_a_restart_whose_connection_breaks_is_unknown_and_sent_once(
    server: EngineServer, requests: Requests
) -> None:
    server.drop["/restart"] = 3
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineTimeout, match="broke"):
            await engine.restart(OWN, 1.0)
    assert server.count_requests("/restart") == 1


async def test_read_request_is_retried_when_its_connection_breaks(
    server: EngineServer, requests: Requests
) -> None:
    server.drop["/containers/json"] = 2
    async with open_engine(link_to(server, requests)) as engine:
        assert [container.id for container in await engine.containers()] == [OWN]
    assert server.count_requests("/containers/json") == 3
    assert requests == [("list", "ok")]


async def test_read_request_is_retried_a_limited_number_of_times(
    server: EngineServer, requests: Requests
) -> None:
    server.drop["/containers/json"] = 100
    async with open_engine(link_to(server, requests)) as engine:
        with pytest.raises(EngineTimeout):
            await engine.containers()
    assert server.count_requests("/containers/json") == 3


@pytest.mark.parametrize("trouble", ["hang", "drip"])
async def test_read_request_ends_at_its_deadline(
    server: EngineServer, requests: Requests, trouble: str
) -> None:
    """Silence, and an endless answer in small pieces."""
    getattr(server, trouble).add("/info")
    link = link_to(server, requests)

    async def ask(deadline_s: float) -> None:
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(EngineTimeout):
                await link.ask("list", lambda client: client.info(), deadline_s)
        assert requests[-1] == ("list", "timeout")

    async with open_engine(link):
        await with_time_enough(ask)


async def test_dripping_log_holds_no_thread(
    server: EngineServer, requests: Requests
) -> None:
    server.drip.add("/logs")
    link = link_to(server, requests)
    own = ContainerOwner(OWN, "demo", tty=True)

    async def ask(deadline_s: float) -> None:
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(EngineTimeout):
                await link.ask(
                    "logs", lambda client: log_tail(client, own, 9), deadline_s
                )

    async with open_engine(link):
        await with_time_enough(ask)
        await until(lambda: threads_at_work() == [])


async def test_an_act_that_finds_no_free_thread_was_not_sent(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests), margin_s=0.3) as engine:
        await engine.processes(OWN)
        server.hang.add("/stats")
        async with asyncio.TaskGroup() as tasks:
            waiting = [
                tasks.create_task(engine.stats(OWN)) for _ in range(CALLS_AT_ONCE)
            ]
            await until(lambda: server.count_requests("/stats") == CALLS_AT_ONCE)
            with pytest.raises(EngineUnreachable, match="still under way"):
                await engine.restart(OWN, 0.0)
            assert server.count_requests("/restart") == 0
            for call in waiting:
                call.cancel()


async def test_calls_at_once_keep_their_connections(
    server: EngineServer, requests: Requests, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        await engine.start(OWN)
        server.meet["/stats"] = threading.Barrier(CALLS_AT_ONCE)
        for _ in range(2):
            await asyncio.gather(*(engine.stats(OWN) for _ in range(CALLS_AT_ONCE)))
    assert [r.message for r in caplog.records if "pool" in r.name] == []


async def test_five_failures_open_the_breaker_and_then_nothing_is_tried(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        await engine.start(OWN)
        server.stop()
        for _ in range(5):
            assert engine.breaker_state is BreakerState.CLOSED
            with pytest.raises(EngineUnreachable, match="no connection"):
                await engine.restart(OWN, 1.0)
        assert engine.breaker_state is BreakerState.OPEN
        server.start()
        server.requests.clear()
        with pytest.raises(EngineUnreachable, match=r"not sent: 5 calls .* in 1\d\d s"):
            await engine.restart(OWN, 1.0)
    assert server.requests == []
    assert requests[-1] == ("restart", "unreachable")


async def test_a_silent_engine_opens_the_breaker(
    server: EngineServer, requests: Requests
) -> None:
    server.hang.add("/info")

    async def ask_twice(deadline_s: float) -> None:
        link = link_to(server, requests, CircuitBreaker(threshold=2))
        async with open_engine(link) as engine:
            for _ in range(2):
                assert engine.breaker_state is BreakerState.CLOSED
                with pytest.raises(EngineTimeout):
                    await link.ask("list", lambda client: client.info(), deadline_s)
            assert engine.breaker_state is BreakerState.OPEN

    await with_time_enough(ask_twice)


async def test_slow_stop_and_refusal_do_not_open_the_breaker(
    server: EngineServer, requests: Requests
) -> None:
    server.hang.add("/restart")
    server.say["/stats"] = (500, b'{"message": "no"}')

    async def restart_and_ask(margin_s: float) -> None:
        link = link_to(server, requests, CircuitBreaker(threshold=1))
        async with open_engine(link, margin_s=margin_s) as engine:
            with pytest.raises(EngineTimeout):
                await engine.restart(OWN, 0.0)
            with pytest.raises(EngineRefused):
                await engine.stats(OWN)
            assert engine.breaker_state is BreakerState.CLOSED

    await with_time_enough(restart_and_ask)


def half_open_breaker(*, trying: bool = False) -> CircuitBreaker:
    """A breaker that opened, or began its last trial, longer ago than it waits."""
    since = time.monotonic() - 601.0
    return CircuitBreaker(1, 600.0, failures=1, since=since, trying=trying)


async def test_half_open_sends_one_trial(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests, half_open_breaker())) as engine:
        assert engine.breaker_state is BreakerState.HALF_OPEN
        server.hang.add(f"{OWN}/json")
        trial = asyncio.create_task(engine.inspect(OWN))
        await until(lambda: server.count_requests(f"{OWN}/json") == 1)
        with pytest.raises(EngineUnreachable, match="not sent"):
            await engine.restart(OWN, 1.0)
        assert server.acts() == []
        assert server.count_requests(f"{OWN}/json") == 1
        trial.cancel()


async def test_success_of_a_trial_closes_though_an_earlier_one_had_no_result(
    server: EngineServer, requests: Requests
) -> None:
    link = link_to(server, requests, half_open_breaker(trying=True))
    async with open_engine(link) as engine:
        await engine.restart(OWN, 1.0)
        assert engine.breaker_state is BreakerState.CLOSED
    assert server.count_requests("/restart") == 1


async def test_restart_reaches_a_restarted_engine(
    server: EngineServer, requests: Requests
) -> None:
    """The pooled connection is dead by then; the restart must not become unknown."""
    async with open_engine(link_to(server, requests)) as engine:
        await engine.start(OWN)
        server.stop()
        server.start()
        await engine.restart(OWN, 1.0)
    assert server.count_requests("/restart") == 1


async def test_closing_does_not_wait_for_a_silent_engine(
    server: EngineServer, requests: Requests
) -> None:
    server.hang.add("/info")
    link = link_to(server, requests)
    async with open_engine(link) as engine:
        call = asyncio.create_task(link.ask("list", lambda c: c.info(), 60.0))
        await until(lambda: server.count_requests("/info") == 1)
        began = time.monotonic()
        await engine.close()
        assert time.monotonic() - began < WITHIN_S
        with pytest.raises(asyncio.CancelledError):
            await call


HANGING = """
import asyncio, sys
from sidecar.engine.docker import DockerEngine
from sidecar.engine.connection import EngineConnection

async def main():
    connection = EngineConnection.from_environ(
        {"DOCKER_HOST": sys.argv[1]}, on_request=lambda *_: None
    )
    engine = DockerEngine(connection, "demo", answer_margin_s=60.0)
    call = asyncio.create_task(engine.restart(sys.argv[2], 600.0))
    await asyncio.to_thread(sys.stdin.readline)
    await engine.close()

asyncio.run(main())
"""


async def test_a_restart_under_way_does_not_hold_up_our_exit(
    server: EngineServer,
) -> None:
    restarted = threading.Event()

    def hold(*_: object) -> None:
        restarted.wait(600.0)

    server.on_act = hold
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", HANGING, f"unix://{server._where}", OWN),
        stdin=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60.0):
            while server.count_requests("/restart") == 0:  # noqa: ASYNC110 - a thread
                await asyncio.sleep(0.01)
            await process.communicate(b"\n")
    finally:
        restarted.set()
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert server.count_requests("/restart") == 1
