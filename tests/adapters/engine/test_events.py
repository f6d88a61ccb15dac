"""The event stream: hints that come once, over as many connections as it takes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sidecar.core.circuit_breaker import BreakerState
from sidecar.core.model.event import EngineEventKind
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
    OWN,
    WITHIN_S,
    Requests,
    an_engine,
    link_to,
    threads_of_the_adapter,
    until,
)
from tests.support.engine_server import EngineServer, raw_event

NOW = time.time_ns()
S = 10**9


class Listener:
    """Takes what an event stream says, each item within a deadline."""

    def __init__(self, items: AsyncIterator[Item]) -> None:
        self._items = items

    async def next(self) -> Item:
        async with asyncio.timeout(WITHIN_S):
            return await anext(self._items)

    async def notice(self) -> EngineEvent:
        item = await self.next()
        assert isinstance(item, EngineEvent)
        return item

    async def connected(self) -> None:
        assert await self.next() == Connected()

    async def disconnected(self) -> str:
        item = await self.next()
        assert isinstance(item, Disconnected)
        return item.reason


@asynccontextmanager
async def listening(
    link: EngineConnection,
) -> AsyncIterator[tuple[DockerEngine, Listener]]:
    async with an_engine(link) as engine:
        items = engine.events()
        try:
            yield engine, Listener(items)
        finally:
            await items.aclose()


async def listen(engine: DockerEngine, heard: list[Item]) -> None:
    async for item in engine.events():
        heard.append(item)  # noqa: PERF401 - as it comes


async def test_it_asks_for_our_stack_and_for_what_matters(
    server: EngineServer, requests: Requests
) -> None:
    async with listening(link_to(server, requests)) as (_, heard):
        await heard.connected()
    [query] = server.event_queries()
    assert '"label": ["com.docker.compose.project=demo"]' in query["filters"][0]
    assert '"type": ["container"]' in query["filters"][0]
    assert '"die"' in query["filters"][0]
    assert "exec" not in query["filters"][0]


async def test_notices_come_as_they_happen_and_noise_does_not(
    server: EngineServer, requests: Requests
) -> None:
    async with listening(link_to(server, requests)) as (_, heard):
        await heard.connected()
        server.publish(
            raw_event("exec_start: sh", OWN, NOW),
            raw_event("kill", OWN, NOW + 1, signal="15"),
            raw_event("top", OWN, NOW + 2),
            raw_event("health_status: healthy", OWN, NOW + 3),
        )
        assert await heard.notice() == EngineEvent(
            EngineEventKind.KILL, OWN, (NOW + 1) / 1e9, 15
        )
        assert (await heard.notice()).kind is EngineEventKind.HEALTH


async def test_the_first_connection_looks_ten_minutes_back(
    server: EngineServer, requests: Requests
) -> None:
    now = time.time_ns()
    server.past_events = [
        raw_event("stop", OWN, now - 700 * S),
        raw_event("stop", OWN, now - 500 * S),
    ]
    async with listening(link_to(server, requests)) as (_, heard):
        await heard.connected()
        assert (await heard.notice()).engine_time == (now - 500 * S) / 1e9
    assert abs(float(server.event_queries()[0]["since"][0]) + 600 - now / S) < 5.0


async def test_a_gap_is_replayed_and_nothing_is_told_twice(
    server: EngineServer, requests: Requests
) -> None:
    die, start, later = (
        raw_event("die", OWN, NOW + 1),
        raw_event("start", OWN, NOW + 2),
        raw_event("pause", OWN, NOW + 3),
    )
    async with listening(link_to(server, requests)) as (_, heard):
        await heard.connected()
        server.publish(die)
        assert (await heard.notice()).kind is EngineEventKind.DIE
        server.past_events = [die, start]
        server.break_streams()
        assert "ended" in await heard.disconnected()
        await heard.connected()
        assert (await heard.notice()).kind is EngineEventKind.START
        server.publish(later)
        assert (await heard.notice()).kind is EngineEventKind.PAUSE
    since = server.event_queries()[1]["since"]
    assert since == [f"{(NOW + 1) // S}.{(NOW + 1) % S:09d}"]


async def test_a_late_event_of_the_live_stream_is_not_taken_for_a_replay(
    server: EngineServer, requests: Requests
) -> None:
    async with listening(link_to(server, requests)) as (_, heard):
        await heard.connected()
        server.publish(raw_event("die", OWN, NOW + 2), raw_event("oom", OWN, NOW + 1))
        assert (await heard.notice()).kind is EngineEventKind.DIE
        assert (await heard.notice()).kind is EngineEventKind.OOM


async def test_an_engine_gone_is_said_once_and_found_again(
    server: EngineServer, requests: Requests
) -> None:
    async with listening(link_to(server, requests)) as (_, heard):
        await heard.connected()
        server.stop()
        await heard.disconnected()
        found = asyncio.create_task(heard.connected())
        await until(lambda: requests.count(("events", "unreachable")) >= 2)
        server.start()
        await found
    assert requests[-1] == ("events", "ok")


async def test_an_engine_that_is_not_there_at_first_is_said_too(
    server: EngineServer, requests: Requests
) -> None:
    server.stop()
    async with listening(link_to(server, requests)) as (_, heard):
        assert "No such file" in await heard.disconnected()
        server.start()
        await heard.connected()


async def test_finding_the_engine_again_closes_the_breaker(
    server: EngineServer, requests: Requests
) -> None:
    server.stop()
    async with listening(link_to(server, requests)) as (engine, heard):
        for _ in range(5):
            with pytest.raises(EngineUnreachable):
                await engine.inspect(OWN)
        states = [engine.breaker_state]
        await heard.disconnected()
        server.start()
        await heard.connected()
        states.append(engine.breaker_state)
        assert states == [BreakerState.OPEN, BreakerState.CLOSED]
        await engine.restart(OWN, 1.0)


async def test_an_event_not_understood_is_counted_and_the_next_one_comes(
    server: EngineServer, requests: Requests
) -> None:
    async with listening(link_to(server, requests)) as (_, heard):
        await heard.connected()
        server.publish({"Action": "die"}, "odd", raw_event("start", OWN, NOW))
        assert (await heard.notice()).kind is EngineEventKind.START
    assert requests == [("events", "ok"), *[("events", "refused")] * 2]


async def test_an_engine_that_refuses_the_stream_is_asked_again(
    server: EngineServer, requests: Requests
) -> None:
    server.say["/events"] = (403, b"events are forbidden by the proxy")
    async with listening(link_to(server, requests)) as (_, heard):
        lost = await heard.next()
        assert isinstance(lost, Disconnected)
        assert "403: events are forbidden" in str(lost.reason)
        assert lost.refused
        server.say.clear()
        await heard.connected()


async def test_an_engine_that_goes_and_then_refuses_the_stream_is_told_twice(
    server: EngineServer, requests: Requests
) -> None:
    async with listening(link_to(server, requests)) as (_, heard):
        await heard.connected()
        server.stop()
        lost = await heard.next()
        assert isinstance(lost, Disconnected)
        assert not lost.refused
        server.say["/events"] = (403, b"events are forbidden by the proxy")
        server.start()
        refused = await heard.next()
        assert isinstance(refused, Disconnected)
        assert refused.refused


async def test_a_quiet_stream_is_renewed_without_a_word(
    server: EngineServer, requests: Requests
) -> None:
    """It may be dead without a sign: a firewall forgot it, the engine hangs."""
    link = link_to(server, requests)
    stream = EventStream(link, "demo", replay_s=600.0, quiet_s=0.3)
    items = stream.items()
    heard = Listener(items)
    try:
        await heard.connected()
        coming = asyncio.create_task(heard.notice())
        await until(lambda: server.streams_opened >= 3)
        server.publish(raw_event("die", OWN, NOW))
        assert (await coming).kind is EngineEventKind.DIE
    finally:
        await items.aclose()
        await link.close()


async def test_a_quiet_stream_whose_engine_hangs_is_lost(
    server: EngineServer, requests: Requests
) -> None:
    link = link_to(server, requests)
    items = EventStream(link, "demo", replay_s=600.0, quiet_s=0.3).items()
    heard = Listener(items)
    try:
        await heard.connected()
        server.hang.add("/events")
        assert "no answer in time" in await heard.disconnected()
    finally:
        await items.aclose()
        server.stop()
        await link.close()


async def test_a_listener_too_slow_loses_the_oldest_and_is_told_to_list_again() -> None:
    handover = EventQueue()
    notices = [
        EngineEvent(EngineEventKind.DIE, OWN, float(number))
        for number in range(PENDING_NOTICES + 2)
    ]

    def write() -> None:
        for notice in notices:
            handover.put(notice)

    await asyncio.to_thread(write)
    taken = await handover.take()
    assert taken == (Connected(), *notices[3:])


async def test_closing_ends_the_stream_and_its_thread_at_once(
    server: EngineServer, requests: Requests
) -> None:
    async with an_engine(link_to(server, requests)) as engine:
        heard: list[Item] = []
        task = asyncio.create_task(listen(engine, heard))
        await until(lambda: heard == [Connected()])
        began = time.monotonic()
        await engine.close()
        async with asyncio.timeout(1.0):
            await task
        assert time.monotonic() - began < 1.0
    assert heard == [Connected()]
    await until(lambda: threads_of_the_adapter() == [])


async def test_closing_ends_the_wait_for_an_engine_that_is_gone(
    server: EngineServer, requests: Requests
) -> None:
    server.stop()
    async with an_engine(link_to(server, requests)) as engine:
        task = asyncio.create_task(listen(engine, []))
        await until(lambda: requests.count(("events", "unreachable")) >= 4)
        await engine.close()
        async with asyncio.timeout(1.0):
            await task


async def test_a_listener_that_is_cancelled_leaves_no_thread(
    server: EngineServer, requests: Requests
) -> None:
    async with an_engine(link_to(server, requests)) as engine:
        heard: list[Item] = []
        task = asyncio.create_task(listen(engine, heard))
        await until(lambda: heard == [Connected()])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: threads_of_the_adapter() == [])
