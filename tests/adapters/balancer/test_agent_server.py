"""HAProxy's agent check over real connections."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from sidecar.balancer.agent_connection import DEADLINE_S, LINE_BYTES
from sidecar.balancer.agent_server import (
    CONNECTIONS,
    FORGET_S,
    RELEASE_S,
    WARNED,
    AgentServer,
)
from sidecar.core.model.cause import Cause
from sidecar.core.model.lease import ClusterSettings, LeaseStatus
from sidecar.core.model.state import State
from sidecar.core.model.target_state import TargetState as S
from sidecar.simulation.virtual_time import run_virtual
from tests.support.fakes import LoopClock
from tests.support.notify_receivers import until
from tests.support.quickest import find_quickest_s
from tests.support.traffic_states import (
    replica_state,
    traffic_instance,
    traffic_state,
)

WAIT_S = 30.0
RELEASE_LATE_S = 60.0
"""An end that waits so long fails at WAIT_S."""

TRIES = 5
HOST = "127.0.0.1"


@dataclass
class Agent:
    """An agent on a real port, and its state."""

    state: State = field(default_factory=lambda: replica_state(S.HEALTHY, S.HEALTHY))

    def __post_init__(self) -> None:
        self.server = AgentServer(lambda: self.state, LoopClock())

    async def listen(self, address: tuple[str, int]) -> int:
        self.server.set_address(address)
        await until(lambda: self.server.port is not None)
        assert self.server.port is not None
        return self.server.port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert self.server.port is not None
        return await asyncio.open_connection(HOST, self.server.port)

    async def ask(self, line: bytes) -> bytes:
        """The answer until the agent closes the connection.

        A whole line is sent again where the machine's pause used up the deadline.
        """
        for _ in range(TRIES):
            began = time.monotonic()
            answer = await self._ask_once(line)
            took_s = time.monotonic() - began
            if answer or not line.endswith(b"\n") or took_s < DEADLINE_S:
                return answer
        raise AssertionError("whole lines are closed at the deadline")

    async def _ask_once(self, line: bytes) -> bytes:
        reader, writer = await self.connect()
        writer.write(line)
        try:
            async with asyncio.timeout(WAIT_S):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def running_agent() -> AsyncIterator[Agent]:
    agent = Agent()
    running = asyncio.create_task(agent.server.run())
    try:
        await agent.listen((HOST, 0))
        yield agent
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def quickest_s(act: Callable[[], Awaitable[object]], limit_s: float) -> float:
    """The time of the quickest of some tries."""

    async def measure() -> float:
        began = time.monotonic()
        await act()
        return time.monotonic() - began

    return await find_quickest_s(measure, limit_s)


async def test_drained_replica_is_answered_drain_and_the_others_ready() -> None:
    async with running_agent() as agent:
        agent.state = replica_state(S.DRAINING, S.HEALTHY)
        assert await agent.ask(b"payment/1\n") == b"up drain\n"
        assert await agent.ask(b"payment/2\r\n") == b"up ready\n"
        assert await agent.ask(b"payment/9\n") == b"up ready\n"
        agent.state = replica_state(S.HEALTHY, S.HEALTHY)
        assert await agent.ask(b"payment/1\n") == b"up ready\n"


async def test_wallet_that_is_down_is_answered_down_with_its_reason() -> None:
    async with running_agent() as agent:
        a = traffic_instance("wallet-a", S.DOWN, Cause.HUNG)
        b = traffic_instance("wallet-b", S.HEALTHY)
        agent.state = traffic_state(a, b)
        asked = b"wallet-a failover=wallet-b\n"
        assert await agent.ask(asked) == b"ready down #down\n"
        agent.state = traffic_state(a, b, listed=False)
        agent.state = replace(agent.state, started=LoopClock().now())
        for line in (asked, b"wallet-b failover=wallet-a\n", b"wallet-a\n"):
            assert await agent.ask(line) == b"\n"


@pytest.mark.parametrize("line", [b"x" * (LINE_BYTES + 1), b"y" * 100_000])
async def test_endless_line_gets_no_answer_and_is_closed_at_once(line: bytes) -> None:
    async with running_agent() as agent:

        async def send() -> None:
            assert await agent.ask(line) == b""

        assert await quickest_s(send, DEADLINE_S / 2) < DEADLINE_S / 2


async def test_bytes_that_are_no_name_leave_the_server_up() -> None:
    async with running_agent() as agent:
        for line in (b"GET / HTTP/1.1\r\n", b"\xff\xfe\n", b"\n", b"\0\n"):
            assert await agent.ask(line) == b"up ready\n"


async def test_silent_connection_is_closed_at_its_deadline() -> None:
    async with running_agent() as agent:
        began = time.monotonic()
        half, silent = await asyncio.gather(agent.ask(b"payment/1"), agent.ask(b""))
        assert (half, silent) == (b"", b"")
        assert DEADLINE_S * 0.9 < time.monotonic() - began < DEADLINE_S + 15.0


async def test_crowd_of_silent_connections_keeps_no_question_out() -> None:
    assert await quickest_s(meet_crowd, DEADLINE_S) < DEADLINE_S


async def meet_crowd() -> None:
    """After the deadline of the first connection, all may be closed for that."""
    async with running_agent() as agent:
        began = time.monotonic()
        crowd = [await agent.connect() for _ in range(CONNECTIONS + 20)]
        assert await agent.ask(b"payment/1\n") == b"up ready\n"
        assert [await reader.read() for reader, _ in crowd[:20]] == [b""] * 20
        closed = sum(reader.at_eof() for reader, _ in crowd[40:])
        assert closed == 0 or time.monotonic() - began >= DEADLINE_S
        for _, writer in crowd:
            writer.transport.abort()


async def test_end_takes_a_drain_back_and_returns_once_haproxy_has_heard() -> None:
    async with running_agent() as agent:
        assert await agent.ask(b"payment/1\n") == b"up ready\n"
        agent.state = replica_state(S.DRAINING, S.HEALTHY)
        assert await agent.ask(b"payment/1\n") == b"up drain\n"
        ending = asyncio.create_task(agent.server.release(RELEASE_LATE_S))
        await asyncio.sleep(0.05)
        assert not ending.done()
        assert await agent.ask(b"payment/2\n") == b"up ready\n"
        assert not ending.done()
        assert await agent.ask(b"payment/1\n") == b"up ready\n"
        async with asyncio.timeout(WAIT_S):
            await ending


def test_watchdog_that_drained_answers_every_line_until_its_drain_is_over() -> None:
    """HAProxy asks for the drained server only while another line is answered."""
    own = LeaseStatus(ClusterSettings("redis://redis"), "a", asked=True, holder="b")
    states = [replica_state(S.DRAINING, S.HEALTHY)]

    async def scenario() -> None:
        server = AgentServer(lambda: states[-1], LoopClock())
        assert server.answer(b"payment/1") == b"up drain\n"
        states.append(replace(replica_state(S.DRAINING, S.HEALTHY), lease=own))
        assert server.answer(b"payment") == b"up ready\n"
        assert server.answer(b"payment/1") == b"up drain\n"
        states.append(replace(replica_state(S.HEALTHY, S.HEALTHY), lease=own))
        assert server.answer(b"payment") == b"up ready\n"
        assert server.answer(b"payment/1") == b"up ready\n"
        assert server.answer(b"payment") == b"\n"

    run_virtual(scenario())


def test_drained_server_that_nobody_asks_for_keeps_no_line_answered() -> None:
    """It was removed from HAProxy: the watchdog that acts answers alone again."""
    own = LeaseStatus(ClusterSettings("redis://redis"), "a", asked=True, holder="b")
    states = [replica_state(S.DRAINING, S.HEALTHY)]

    async def scenario() -> None:
        server = AgentServer(lambda: states[-1], LoopClock())
        assert server.answer(b"payment/1") == b"up drain\n"
        await asyncio.sleep(FORGET_S - 1.0)
        assert server.answer(b"payment/1") == b"up drain\n"
        states.append(replace(replica_state(S.HEALTHY, S.HEALTHY), lease=own))
        await asyncio.sleep(FORGET_S - 1.0)
        assert server.answer(b"payment") == b"up ready\n"
        await asyncio.sleep(2.0)
        assert server.answer(b"payment") == b"\n"
        # If HAProxy was only away, the drain is taken back all the same.
        assert server.answer(b"payment/1") == b"up ready\n"

    run_virtual(scenario())


async def test_end_without_a_drain_does_not_wait() -> None:
    async with running_agent() as agent:
        await agent.ask(b"payment/1\n")
        async with asyncio.timeout(WAIT_S):
            await agent.server.release(RELEASE_LATE_S)


async def test_end_waits_for_a_silent_haproxy_for_a_bounded_time() -> None:
    async with running_agent() as agent:
        agent.state = replica_state(S.DRAINING, S.HEALTHY)
        await agent.ask(b"payment/1\n")
        took_s = await quickest_s(lambda: agent.server.release(within_s=0.3), RELEASE_S)
        assert 0.2 < took_s < RELEASE_S


async def test_taken_port_is_a_fault_until_another_address_is_set(
    log_lines: list[str],
) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        async with running_agent() as agent:
            assert [c.ok for c in agent.server.components()] == [True]
            agent.server.set_address((HOST, port))
            await until(lambda: not agent.server.components()[0].ok)
            (component,) = agent.server.components()
            assert f"cannot listen on {HOST}:{port}" in component.reason
            assert any(component.reason in line for line in log_lines)
            agent.state = replica_state(S.DRAINING)
            await agent.listen((HOST, 0))
            assert await agent.ask(b"payment/1\n") == b"up drain\n"
            assert agent.server.components()[0].ok
            agent.server.set_address(None)
            await until(lambda: agent.server.port is None)
            assert agent.server.components() == ()


async def test_name_that_is_not_watched_is_warned_of_once_and_cleaned(
    log_lines: list[str],
) -> None:
    async with running_agent() as agent:
        for _ in range(3):
            await agent.ask(b"paymnet/1\n")
            await agent.ask(b"\x1b[31mred\n")
        for number in range(2 * WARNED):
            await agent.ask(b"junk-%d\n" % number)
    (misspelt,) = (line for line in log_lines if "paymnet/1" in line)
    assert "no target or replica" in misspelt
    (escape,) = (line for line in log_lines if "red" in line)
    assert "\x1b" not in escape
    assert len(log_lines) <= WARNED + 2
