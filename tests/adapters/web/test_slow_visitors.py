"""Visitors who are slow, long-winded or many: the server holds little for them."""

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import aiohttp
import pytest

from benchmarks.crowd import Crowd
from sidecar.core.model.target import InstanceId
from sidecar.web.connection import HEAD_LIMIT_BYTES
from sidecar.web.door import LARGE_ANSWERS_BYTES, Door, Limits
from sidecar.web.server import ONE_PIECE_BYTES, WebServer
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.repository import REPOSITORY
from tests.support.rule_world import SERVICE, container

SOON = Limits(head_s=0.3, idle_s=0.3, write_s=0.3)
DEADLINE_S = 5.0
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: sidecar\r\n\r\n"
LINE = b"X-A: " + b"b" * 993 + b"\r\n"
STATUS = b"GET /api/v1/status HTTP/1.1\r\nHost: a\r\n\r\n"
EVENTS = b"GET /api/v1/events HTTP/1.1\r\nHost: a\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class House:
    """A server, and connections to it."""

    def __init__(self, limits: Limits, office: ApiServiceFakes | None = None) -> None:
        self.office = office or ApiServiceFakes()
        self.server = WebServer(self.office.desk, "127.0.0.1", 0, limits=limits)
        self._open: list[asyncio.StreamWriter] = []

    async def connect(self, say: bytes = b"") -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        self._open.append(writer)
        writer.write(say)
        await writer.drain()
        return reader, writer

    async def livez(self) -> bytes:
        reader, _ = await self.connect(LIVEZ)
        async with asyncio.timeout(DEADLINE_S):
            return await reader.readuntil(b"\r\n")

    async def leave(self) -> None:
        for writer in self._open:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def opened(
    limits: Limits, office: ApiServiceFakes | None = None
) -> AsyncIterator[House]:
    house = House(limits, office)
    await house.server.start()
    try:
        yield house
    finally:
        await house.leave()
        await house.server.stop()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What came until the server hung up."""
    came = b""
    async with asyncio.timeout(DEADLINE_S):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                came += data
    return came


async def until_connected(house: House, count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while house.server.connections != count:  # noqa: ASYNC110 - no event of it
            await asyncio.sleep(0.01)


async def test_a_head_that_does_not_end_is_given_up_after_its_time() -> None:
    async with opened(SOON) as house:
        began = time.monotonic()
        reader, writer = await house.connect(b"GET / HTTP/1.1\r\n")

        async def drip() -> None:
            while True:
                writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await ended(reader) == b""
        dripping.cancel()
        assert 0.2 <= time.monotonic() - began < 2.0


@pytest.mark.parametrize("say", [b"", b"\r\n\r\n", LIVEZ])
async def test_a_connection_without_a_request_is_closed(say: bytes) -> None:
    async with opened(SOON) as house:
        reader, _ = await house.connect(say)
        came = await ended(reader)
        assert came.startswith(b"HTTP/1.1 200") == (say == LIVEZ)
        await until_connected(house, 0)


async def test_the_second_head_of_a_connection_has_the_same_time() -> None:
    async with opened(SOON._replace(idle_s=60.0)) as house:
        reader, writer = await house.connect(LIVEZ)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HTTP/1.1\r\nX-A")
        await ended(reader)


async def test_a_head_of_many_lines_is_refused_at_its_limit() -> None:
    async with opened(Limits()) as house:
        head = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + LINE * 33
        reader, _ = await house.connect(head)
        came = await ended(reader)
        assert came.startswith(b"HTTP/1.1 431 ")
        assert b"at most 32768 bytes" in came


async def test_a_head_below_the_limit_is_answered() -> None:
    async with opened(Limits()) as house:
        head = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + LINE * 31 + b"\r\n"
        assert len(head) < HEAD_LIMIT_BYTES
        reader, _ = await house.connect(head)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_long_head_with_a_body_is_not_taken_for_a_longer_head() -> None:
    async with opened(Limits()) as house:
        head = b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n"
        reader, _ = await house.connect(head + LINE * 28 + b"\r\n" + b"x" * 16000)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")


async def test_blank_lines_before_a_head_buy_neither_bytes_nor_time() -> None:
    async with opened(Limits()) as house:
        reader, _ = await house.connect(b"\r\n\r\n" + b"X-A: b\r\n" * 10_000)
        assert b" 200 " not in await ended(reader)


async def test_a_reader_who_does_not_read_is_cut_off() -> None:
    async with opened(SOON, crowded()) as house:
        await house.connect(STATUS * 100)
        await until_connected(house, 1)
        await until_connected(house, 0)


class Slow(ApiServiceFakes):
    """The metrics are there when ``ready`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = asyncio.Event()
        self.desk = self.without(metrics=self._scrape)

    async def _scrape(self, accept: str) -> tuple[Iterator[bytes], str]:
        await self.ready.wait()
        return await self.metrics.scrape(accept)


METRICS = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
LONG = b"X-A: " + b"b" * 4000 + b"\r\n"
SENT_BUFFERS_BYTES = 150_000
"""What the kernel may hold of what was sent; 17 kB of it are the sender's."""


async def test_requests_in_advance_are_taken_up_to_a_bound_and_answered() -> None:
    office = Slow()
    async with opened(Limits(), office) as house:
        reader, writer = await house.connect(METRICS)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        head = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + LONG * 7 + b"\r\n"
        writer.write(head * 30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await writer.drain()
        taken = len(head) * 30 - writer.transport.get_write_buffer_size()
        assert taken < HEAD_LIMIT_BYTES + Limits().body_bytes + SENT_BUFFERS_BYTES
        office.ready.set()
        for _ in range(30):
            async with asyncio.timeout(DEADLINE_S):
                await reader.readuntil(b"}]}")


async def test_a_body_far_too_large_is_refused_as_a_body() -> None:
    async with opened(Limits()) as house:
        path = b"/api/v1/targets/electron-cash/restart"
        reader, _ = await house.connect(
            b"POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
            b"Content-Length: 90000\r\n\r\n%s" % (path, TOKEN.encode(), b" " * 90_000)
        )
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")


async def still_open(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            return bool(await reader.read(65536))
    return True


async def test_a_newcomer_takes_the_place_of_the_oldest_head() -> None:
    async with opened(Limits(waiting_of_a_peer=3)) as house:
        inside, _ = await house.connect(LIVEZ)
        await inside.readuntil(b"}]}")
        first, _ = await house.connect(b"GET")
        others = [(await house.connect(b"GET"))[0] for _ in range(2)]
        await until_connected(house, 4)
        assert (await house.livez()).startswith(b"HTTP/1.1 200")
        assert await ended(first) == b""
        for reader in (inside, *others):
            assert await still_open(reader)


async def test_an_idle_connection_gives_way_before_one_that_is_served() -> None:
    async with opened(Limits(inside_of_a_peer=2)) as house:
        listening, _ = await house.connect(EVENTS)
        await listening.readuntil(b": connected\n\n")
        idle, _ = await house.connect(LIVEZ)
        await idle.readuntil(b"}]}")
        assert (await house.livez()).startswith(b"HTTP/1.1 200")
        assert await ended(idle) == b""
        assert await still_open(listening)


async def test_a_stalled_reader_gives_way_before_a_listener() -> None:
    async with opened(Limits(inside_of_a_peer=2), crowded()) as house:
        listening, _ = await house.connect(EVENTS)
        await listening.readuntil(b": connected\n\n")
        stalled, _ = await house.connect(STATUS * 100)
        await asyncio.sleep(0.1)  # long enough for its buffers to be full
        assert (await house.livez()).startswith(b"HTTP/1.1 200")
        await ended(stalled)
        assert await still_open(listening)


async def test_the_longest_head_gives_way_where_heads_hold_too_much() -> None:
    async with opened(Limits(heads_bytes=40_000)) as house:
        short, _ = await house.connect(b"GET / HTTP/1.1\r\n" + LINE * 5)
        longest, _ = await house.connect(b"GET / HTTP/1.1\r\n" + LINE * 30)
        await until_connected(house, 2)
        await house.connect(b"GET / HTTP/1.1\r\n" + LINE * 10)
        await ended(longest)
        assert await still_open(short)
        assert (await house.livez()).startswith(b"HTTP/1.1 200")


async def test_all_peers_together_are_bounded_too() -> None:
    async with opened(Limits(waiting=5)) as house:
        for _ in range(20):
            await house.connect(b"GET")
        assert (await house.livez()).startswith(b"HTTP/1.1 200")
        assert house.server.connections == 5


def crowded() -> ApiServiceFakes:
    """An office whose status is some hundred kilobytes."""
    office = ApiServiceFakes()
    world = office.world
    crowd = tuple(replace(SERVICE, name=f"s{n}", depends_on=()) for n in range(200))
    world.targets = (*world.targets, *crowd)
    for target in crowd:
        world.containers[InstanceId(target.name, 1)] = container(target.name)
    world.relist()
    return office


async def test_a_large_answer_is_whole() -> None:
    async with opened(Limits(), crowded()) as house, aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{house.server.port}/api/v1/status"
        async with http.get(url) as response:
            body = await response.read()
            assert response.headers["Cache-Control"] == "no-store"
            assert response.content_type == "application/json"
            assert len(body) == response.content_length
            assert len(body) > 2 * ONE_PIECE_BYTES
            assert body.endswith(b"}")
        async with http.head(url) as response:
            assert response.content_length == len(body)
            assert await response.read() == b""


def test_a_crowd_that_came_at_once_is_not_shown_out_at_once() -> None:
    door = Door(Limits())
    waits = sorted(door.first_head_s() for _ in range(1000))
    assert waits[0] >= 7.0
    assert waits[-1] <= 10.0
    assert max(b - a for a, b in itertools.pairwise(waits)) < 0.01


def test_large_answers_share_a_bound() -> None:
    door = Door(Limits())
    with door.holding(5_000_000) as first, door.holding(5_000_000) as second:
        assert (first, second) == (True, False)
    with door.holding(50_000_000) as alone:
        assert alone
    with door.holding(5_000_000) as again:
        assert again


async def test_livez_is_answered_while_a_crowd_is_at_the_door() -> None:
    """benchmarks/door.py has the whole crowd."""
    async with opened(
        Limits(waiting_of_a_peer=30, inside_of_a_peer=10), crowded()
    ) as house:
        crowd = asyncio.create_task(Crowd(100, 20, 20).come(house.server.port))
        async with asyncio.timeout(DEADLINE_S):
            while house.server.connections < 30:  # noqa: ASYNC110 - no event of it
                await asyncio.sleep(0.01)
        for _ in range(20):
            assert (await house.livez()).startswith(b"HTTP/1.1 200")
            assert house.server.connections <= 40
        crowd.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await crowd


def test_the_limits_in_force_are_those_that_the_pages_promise() -> None:
    """The tests have limits of their own, which are sooner reached."""
    docs = REPOSITORY / "docs"
    security, api = ((docs / f"{n}.md").read_text() for n in ("security", "http-api"))
    at, kb, mb = Limits(), 1024, 1024 * 1024
    waiting = f"{at.waiting:,} are kept ({at.waiting_of_a_peer} from one address"
    for promised in (
        f"a head has {at.head_s:.0f} s and {HEAD_LIMIT_BYTES // kb} kB",
        f"at most {waiting}, {at.heads_bytes // mb} MB in all)",
        f"{at.write_s:.0f} s for what does not go out",
        f"hold {LARGE_ANSWERS_BYTES // mb} MB together",
        f"{at.inside} are open ({at.inside_of_a_peer} from one address)",
    ):
        assert promised in security
    assert f"without a request is closed after {at.idle_s:.0f} s" in api
