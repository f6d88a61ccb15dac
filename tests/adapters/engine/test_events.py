"""The event stream: each event comes once, over any number of connections."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sidecar.core.circuit_breaker import BreakerState
from sidecar.core.model.engine_event_kind import EngineEventKind
from sidecar.core.ports.engine import (
    Connected,
    Disconnected,
    EngineEvent,
    EngineUnreachable,
)
from sidecar.engine.connection import EngineConnection
from sidecar.engine.docker import DockerEngine
from sidecar.engine.stream import PENDING_NOTICES, EventQueue, EventStream, Item
from tests.support.engine_connection import (
    DEADLINES_S,
    OWN,
    WITHIN_S,
    Requests,
    link_to,
    open_engine,
    threads_at_work,
    threads_of_the_adapter,
    until,
)
from tests.support.engine_server import EngineServer, raw_event
from tests.support.steady_time import keep_time_steady

NOW = time.time_ns()
S = 10**9


class Listener:
    """Reader of an event stream: each item within a deadline."""

    def __init__(self, items: AsyncIterator[Item]) -> None:
        self._items = items

    async def next(self, within_s: float = WITHIN_S) -> Item:
        async with asyncio.timeout(within_s):
            return await anext(self._items)

    async def notice(self) -> EngineEvent:
        item = await self.next()
        assert isinstance(item, EngineEvent)
        return item

    async def expect_connected(self) -> None:
        assert await self.next() == Connected()

    async def expect_disconnected(self) -> str:
        item = await self.next()
        assert isinstance(item, Disconnected)
        return item.reason


@asynccontextmanager
async def open_listener(
    link: EngineConnection,
) -> AsyncIterator[tuple[DockerEngine, Listener]]:
    async with open_engine(link) as engine:
        items = engine.events()
        try:
            yield engine, Listener(items)
        finally:
            await items.aclose()


async def listen(engine: DockerEngine, items: list[Item]) -> None:
    async for item in engine.events():
        items.append(item)  # noqa: PERF401 - as it comes


async def test_event_query_names_the_stack_and_the_needed_events(
    server: EngineServer, requests: Requests
) -> None:
    async with open_listener(link_to(server, requests)) as (_, listener):
        await listener.expect_connected()
    [query] = server.event_queries()
    assert '"label": ["com.docker.compose.project=demo"]' in query["filters"][0]
    assert '"type": ["container"]' in query["filters"][0]
    assert '"die"' in query["filters"][0]
    assert "exec" not in query["filters"][0]


async def test_notices_come_as_they_happen_and_noise_does_not(
    server: EngineServer, requests: Requests
) -> None:
    async with open_listener(link_to(server, requests)) as (_, listener):
        await listener.expect_connected()
        server.publish(
            raw_event("exec_start: sh", OWN, NOW),
            raw_event("kill", OWN, NOW + 1, signal="15"),
            raw_event("top", OWN, NOW + 2),
            raw_event("health_status: healthy", OWN, NOW + 3),
        )
        assert await listener.notice() == EngineEvent(
            EngineEventKind.KILL, OWN, (NOW + 1) / 1e9, 15
        )
        assert (await listener.notice()).kind is EngineEventKind.HEALTH


async def test_the_first_connection_looks_ten_minutes_back(
    server: EngineServer, requests: Requests
) -> None:
    now = time.time_ns()
    server.past_events = [
        raw_event("stop", OWN, now - 700 * S),
        raw_event("stop", OWN, now - 500 * S),
    ]
    async with open_listener(link_to(server, requests)) as (_, listener):
        await listener.expect_connected()
        assert (await listener.notice()).engine_time == (now - 500 * S) / 1e9
    begin_s = float(server.event_queries()[0]["since"][0]) + 600
    assert now / S - 0.1 < begin_s < time.time() + 0.1


async def test_gap_is_replayed_and_no_event_comes_twice(
    server: EngineServer, requests: Requests
) -> None:
    die, start, later = (
        raw_event("die", OWN, NOW + 1),
        raw_event("start", OWN, NOW + 2),
        raw_event("pause", OWN, NOW + 3),
    )
    async with open_listener(link_to(server, requests)) as (_, listener):
        await listener.expect_connected()
        server.publish(die)
        assert (await listener.notice()).kind is EngineEventKind.DIE
        server.past_events = [die, start]
        server.break_streams()
        assert "ended" in await listener.expect_disconnected()
        await listener.expect_connected()
        assert (await listener.notice()).kind is EngineEventKind.START
        server.publish(later)
        assert (await listener.notice()).kind is EngineEventKind.PAUSE
    since = server.event_queries()[1]["since"]
    assert since == [f"{(NOW + 1) // S}.{(NOW + 1) % S:09d}"]


async def test_a_late_event_of_the_live_stream_is_not_taken_for_a_replay(
    server: EngineServer, requests: Requests
) -> None:
    async with open_listener(link_to(server, requests)) as (_, listener):
        await listener.expect_connected()
        server.publish(raw_event("die", OWN, NOW + 2), raw_event("oom", OWN, NOW + 1))
        assert (await listener.notice()).kind is EngineEventKind.DIE
        assert (await listener.notice()).kind is EngineEventKind.OOM


async def test_lost_engine_is_reported_once_and_found_again(
    server: EngineServer, requests: Requests
) -> None:
    async with open_listener(link_to(server, requests)) as (_, listener):
        await listener.expect_connected()
        server.stop()
        await listener.expect_disconnected()
        reconnection = asyncio.create_task(listener.expect_connected())
        await until(lambda: requests.count(("events", "unreachable")) >= 2)
        server.start()
        await reconnection
    assert requests[-1] == ("events", "ok")


async def test_engine_absent_at_first_is_reported(
    server: EngineServer, requests: Requests
) -> None:
    server.stop()
    async with open_listener(link_to(server, requests)) as (_, listener):
        assert "No such file" in await listener.expect_disconnected()
        server.start()
        await listener.expect_connected()


async def test_reconnection_to_the_engine_closes_the_breaker(
    server: EngineServer, requests: Requests
) -> None:
    server.stop()
    async with open_listener(link_to(server, requests)) as (engine, listener):
        for _ in range(5):
            with pytest.raises(EngineUnreachable):
                await engine.inspect(OWN)
        states = [engine.breaker_state]
        await listener.expect_disconnected()
        server.start()
        await listener.expect_connected()
        states.append(engine.breaker_state)
        assert states == [BreakerState.OPEN, BreakerState.CLOSED]
        await engine.restart(OWN, 1.0)


async def test_an_event_not_understood_is_counted_and_the_next_one_comes(
    server: EngineServer, requests: Requests
) -> None:
    async with open_listener(link_to(server, requests)) as (_, listener):
        await listener.expect_connected()
        server.publish({"Action": "die"}, "odd", raw_event("start", OWN, NOW))
        assert (await listener.notice()).kind is EngineEventKind.START
    assert requests == [("events", "ok"), *[("events", "refused")] * 2]


async def test_an_engine_that_refuses_the_stream_is_asked_again(
    server: EngineServer, requests: Requests
) -> None:
    server.say["/events"] = (403, b"events are forbidden by the proxy")
    async with open_listener(link_to(server, requests)) as (_, listener):
        disconnection = await listener.next()
        assert isinstance(disconnection, Disconnected)
        assert "403: events are forbidden" in str(disconnection.reason)
        assert disconnection.refused
        server.say.clear()
        await listener.expect_connected()


async def test_engine_lost_and_then_refusing_the_stream_is_reported_twice(
    server: EngineServer, requests: Requests
) -> None:
    async with open_listener(link_to(server, requests)) as (_, listener):
        await listener.expect_connected()
        server.stop()
        disconnection = await listener.next()
        assert isinstance(disconnection, Disconnected)
        assert not disconnection.refused
        server.say["/events"] = (403, b"events are forbidden by the proxy")
        server.start()
        refused = await listener.next()
        assert isinstance(refused, Disconnected)
        assert refused.refused


async def test_quiet_stream_is_renewed_without_a_report(
    server: EngineServer, requests: Requests
) -> None:
    """The stream may be dead without an error: a firewall dropped it, or a hang."""
    items: list[Item] = []
    for quiet_s in DEADLINES_S:
        items = await read_renewed_stream(server, requests, quiet_s)
        if not any(isinstance(item, Disconnected) for item in items):
            break
    connected, notice = items
    assert connected == Connected()
    assert isinstance(notice, EngineEvent)
    assert notice.kind is EngineEventKind.DIE


async def read_renewed_stream(
    server: EngineServer, requests: Requests, quiet_s: float
) -> list[Item]:
    """The first two items of a stream that gets no event before it is renewed twice.

    Its renewal has only ``quiet_s``, too: a busy machine may report a lost engine.
    """
    link = link_to(server, requests)
    items = EventStream(link, "demo", replay_s=600.0, quiet_s=quiet_s).items()
    listener = Listener(items)
    opened_before = server.streams_opened
    try:
        first = await listener.next()
        coming = asyncio.create_task(listener.next(3 * WITHIN_S))
        await until(
            lambda: coming.done() or server.streams_opened >= opened_before + 3,
            3 * WITHIN_S,
        )
        # An event sent while the stream is being renewed is lost to this server.
        for number in itertools.takewhile(
            lambda _: not coming.done(), itertools.count()
        ):
            server.publish(raw_event("die", OWN, NOW + number))
            await asyncio.sleep(0.05)
        return [first, await coming]
    finally:
        await items.aclose()
        await link.close()


async def test_a_quiet_stream_whose_engine_hangs_is_lost(
    server: EngineServer, requests: Requests
) -> None:
    link = link_to(server, requests)
    items = EventStream(link, "demo", replay_s=600.0, quiet_s=0.3).items()
    listener = Listener(items)
    try:
        # A busy machine may be late for the first connections.
        while await listener.next() != Connected():
            pass
        server.hang.add("/events")
        assert "answer in time" in await listener.expect_disconnected()
    finally:
        await items.aclose()
        server.stop()
        await link.close()


async def test_slow_listener_loses_the_oldest_events_and_must_list_again() -> None:
    handover = EventQueue()
    notices = [
        EngineEvent(EngineEventKind.DIE, OWN, float(number))
        for number in range(PENDING_NOTICES + 2)
    ]

    def write() -> None:
        for notice in notices:
            handover.add(notice)

    await asyncio.to_thread(write)
    delivered = await handover.take()
    assert delivered == (Connected(), *notices[3:])


async def test_closing_ends_the_stream_and_its_thread_at_once(
    server: EngineServer, requests: Requests
) -> None:
    before = threads_of_the_adapter()
    async with open_engine(link_to(server, requests)) as engine:
        items: list[Item] = []
        task = asyncio.create_task(listen(engine, items))
        await until(lambda: items == [Connected()])
        # If nothing ended it, the server would after 20 s.
        async with asyncio.timeout(WITHIN_S):
            await engine.close()
            await task
    assert items == [Connected()]
    await until(lambda: threads_of_the_adapter() <= before)


async def test_closing_ends_the_wait_for_an_engine_that_is_gone(
    server: EngineServer, requests: Requests
) -> None:
    server.stop()
    async with open_engine(link_to(server, requests)) as engine, keep_time_steady():
        task = asyncio.create_task(listen(engine, []))
        # The next wait is of 2 s at least.
        await until(lambda: requests.count(("events", "unreachable")) >= 4)
        await engine.close()
        async with asyncio.timeout(1.0):
            await task


async def test_a_listener_that_is_cancelled_leaves_no_thread_at_work(
    server: EngineServer, requests: Requests
) -> None:
    async with open_engine(link_to(server, requests)) as engine:
        items: list[Item] = []
        task = asyncio.create_task(listen(engine, items))
        await until(lambda: items == [Connected()])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: threads_at_work() == [])
