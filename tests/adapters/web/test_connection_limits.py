"""Slow, long or many requests: the server holds little memory for them."""

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
from sidecar.web.connection_limits import LARGE_ANSWERS_BYTES, ConnectionLimits, Limits
from sidecar.web.server import ONE_PIECE_BYTES, WebServer
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.repository import REPOSITORY
from tests.support.rule_world import SERVICE, container

SOON = Limits(head_s=0.3, idle_s=0.3, write_s=0.3)
PATIENT = Limits(head_s=600.0, idle_s=600.0, write_s=600.0)
"""No connection is closed for its time, only for the others."""

DEADLINE_S = 60.0
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: sidecar\r\n\r\n"
LINE = b"X-A: " + b"b" * 993 + b"\r\n"
STATUS = b"GET /api/v1/status HTTP/1.1\r\nHost: a\r\n\r\n"
EVENTS = b"GET /api/v1/events HTTP/1.1\r\nHost: a\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ServerBench:
    """A server, and connections to it."""

    def __init__(self, limits: Limits, fakes: ApiServiceFakes | None = None) -> None:
        self.fakes = fakes or ApiServiceFakes()
        self.server = WebServer(self.fakes.desk, "127.0.0.1", 0, limits=limits)
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
async def open_server(
    limits: Limits, fakes: ApiServiceFakes | None = None
) -> AsyncIterator[ServerBench]:
    bench = ServerBench(limits, fakes)
    await bench.server.start()
    try:
        yield bench
    finally:
        await bench.leave()
        await bench.server.stop()


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Bytes received until the server closes the connection."""
    received = b""
    async with asyncio.timeout(DEADLINE_S):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                received += data
    return received


async def until_connected(bench: ServerBench, count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while bench.server.connections != count:  # noqa: ASYNC110 - no event of it
            await asyncio.sleep(0.01)


async def test_a_head_that_does_not_end_is_given_up_after_its_time() -> None:
    async with open_server(SOON) as bench:
        began = time.monotonic()
        reader, writer = await bench.connect(b"GET / HTTP/1.1\r\n")

        async def drip() -> None:
            while True:
                writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await read_to_end(reader) == b""
        dripping.cancel()
        assert 0.2 <= time.monotonic() - began < 20.0


@pytest.mark.parametrize("say", [b"", b"\r\n\r\n", LIVEZ])
async def test_a_connection_without_a_request_is_closed(say: bytes) -> None:
    async with open_server(SOON) as bench:
        reader, _ = await bench.connect(say)
        received = await read_to_end(reader)
        assert received.startswith(b"HTTP/1.1 200") == (say == LIVEZ)
        await until_connected(bench, 0)


async def test_the_second_head_of_a_connection_has_the_same_time() -> None:
    async with open_server(SOON._replace(idle_s=600.0)) as bench:
        reader, writer = await bench.connect(LIVEZ)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HTTP/1.1\r\nX-A")
        await read_to_end(reader)


async def test_a_head_of_many_lines_is_refused_at_its_limit() -> None:
    async with open_server(Limits()) as bench:
        head = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + LINE * 33
        reader, _ = await bench.connect(head)
        received = await read_to_end(reader)
        assert received.startswith(b"HTTP/1.1 431 ")
        assert b"at most 32768 bytes" in received


async def test_a_head_below_the_limit_is_answered() -> None:
    async with open_server(Limits()) as bench:
        head = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + LINE * 31 + b"\r\n"
        assert len(head) < HEAD_LIMIT_BYTES
        reader, _ = await bench.connect(head)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_long_head_with_a_body_is_not_taken_for_a_longer_head() -> None:
    async with open_server(Limits()) as bench:
        head = b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n"
        reader, _ = await bench.connect(head + LINE * 28 + b"\r\n" + b"x" * 16000)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")


async def test_blank_lines_before_a_head_do_not_extend_its_limits() -> None:
    async with open_server(PATIENT) as bench:
        reader, _ = await bench.connect(b"\r\n\r\n" + b"X-A: b\r\n" * 10_000)
        assert b" 200 " not in await read_to_end(reader)


async def test_a_reader_who_does_not_read_is_cut_off() -> None:
    async with open_server(SOON, make_large_fakes()) as bench:
        await bench.connect(STATUS * 100)
        await until_connected(bench, 1)
        await until_connected(bench, 0)


class Slow(ApiServiceFakes):
    """Fakes whose metrics are available when ``ready`` is set."""

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
"""Sent bytes that the kernel may hold; 17 kB of them are the sender's."""


async def test_requests_in_advance_are_taken_up_to_a_bound_and_answered() -> None:
    fakes = Slow()
    async with open_server(Limits(), fakes) as bench:
        reader, writer = await bench.connect(METRICS)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        head = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + LONG * 7 + b"\r\n"
        writer.write(head * 30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await writer.drain()
        accepted_bytes = len(head) * 30 - writer.transport.get_write_buffer_size()
        assert (
            accepted_bytes < HEAD_LIMIT_BYTES + Limits().body_bytes + SENT_BUFFERS_BYTES
        )
        fakes.ready.set()
        for _ in range(30):
            async with asyncio.timeout(DEADLINE_S):
                await reader.readuntil(b"}]}")


async def test_a_body_far_too_large_is_refused_as_a_body() -> None:
    async with open_server(Limits()) as bench:
        path = b"/api/v1/targets/electron-cash/restart"
        reader, _ = await bench.connect(
            b"POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
            b"Content-Length: 90000\r\n\r\n%s" % (path, TOKEN.encode(), b" " * 90_000)
        )
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")


async def still_open(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            return bool(await reader.read(65536))
    return True


async def test_new_connection_replaces_the_oldest_waiting_head() -> None:
    async with open_server(PATIENT._replace(waiting_of_a_peer=3)) as bench:
        inside, _ = await bench.connect(LIVEZ)
        await inside.readuntil(b"}]}")
        first, _ = await bench.connect(b"GET")
        others = [(await bench.connect(b"GET"))[0] for _ in range(2)]
        await until_connected(bench, 4)
        assert (await bench.livez()).startswith(b"HTTP/1.1 200")
        assert await read_to_end(first) == b""
        for reader in (inside, *others):
            assert await still_open(reader)


async def test_an_idle_connection_gives_way_before_one_that_is_served() -> None:
    async with open_server(PATIENT._replace(inside_of_a_peer=1)) as bench:
        listening, _ = await bench.connect(EVENTS)
        await listening.readuntil(b": connected\n\n")
        idle, _ = await bench.connect(LIVEZ)
        await idle.readuntil(b"}]}")
        assert (await bench.livez()).startswith(b"HTTP/1.1 200")
        assert await read_to_end(idle) == b""
        assert await still_open(listening)


async def test_a_stalled_reader_gives_way_before_a_listener() -> None:
    limits = PATIENT._replace(inside_of_a_peer=1)
    async with open_server(limits, make_large_fakes()) as bench:
        listening, _ = await bench.connect(EVENTS)
        await listening.readuntil(b": connected\n\n")
        stalled, _ = await bench.connect(STATUS * 100)
        await asyncio.sleep(0.1)  # long enough for its buffers to be full
        assert (await bench.livez()).startswith(b"HTTP/1.1 200")
        await read_to_end(stalled)
        assert await still_open(listening)


async def test_the_longest_head_gives_way_where_heads_hold_too_much() -> None:
    async with open_server(PATIENT._replace(heads_bytes=40_000)) as bench:
        short, _ = await bench.connect(b"GET / HTTP/1.1\r\n" + LINE * 5)
        longest, _ = await bench.connect(b"GET / HTTP/1.1\r\n" + LINE * 30)
        await until_connected(bench, 2)
        await bench.connect(b"GET / HTTP/1.1\r\n" + LINE * 10)
        await read_to_end(longest)
        assert await still_open(short)
        assert (await bench.livez()).startswith(b"HTTP/1.1 200")


async def test_all_peers_together_are_bounded_too() -> None:
    async with open_server(PATIENT._replace(waiting=5)) as bench:
        for _ in range(20):
            await bench.connect(b"GET")
        assert (await bench.livez()).startswith(b"HTTP/1.1 200")
        assert bench.server.connections == 5


def make_large_fakes() -> ApiServiceFakes:
    """Fakes of the API with a status of some hundred kilobytes."""
    fakes = ApiServiceFakes()
    world = fakes.world
    crowd = tuple(replace(SERVICE, name=f"s{n}", depends_on=()) for n in range(200))
    world.targets = (*world.targets, *crowd)
    for target in crowd:
        world.containers[InstanceId(target.name, 1)] = container(target.name)
    world.relist()
    return fakes


async def test_a_large_answer_is_whole() -> None:
    async with (
        open_server(Limits(), make_large_fakes()) as bench,
        aiohttp.ClientSession() as http,
    ):
        url = f"http://127.0.0.1:{bench.server.port}/api/v1/status"
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


def test_time_limits_of_first_heads_are_spread() -> None:
    limits = ConnectionLimits(Limits())
    waits = sorted(limits.first_head_s() for _ in range(1000))
    assert waits[0] >= 7.0
    assert waits[-1] <= 10.0
    assert max(b - a for a, b in itertools.pairwise(waits)) < 0.01


def test_large_answers_share_a_bound() -> None:
    limits, body, other = ConnectionLimits(Limits()), bytes(5_000_000), bytes(5_000_001)
    with limits.reserve(body) as first, limits.reserve(other) as second:
        assert (first, second) == (True, False)
    with limits.reserve(bytes(50_000_000)) as alone:
        assert alone
    with limits.reserve(body) as again:
        assert again


def test_large_answer_that_several_clients_get_counts_once() -> None:
    limits, body = ConnectionLimits(Limits()), bytes(50_000_000)
    with limits.reserve(body) as first:
        with limits.reserve(body) as second:
            assert (first, second) == (True, True)
        with limits.reserve(bytes(5_000_000)) as other:
            assert not other, "one client still gets the body"
    with limits.reserve(bytes(5_000_000)) as later:
        assert later


async def test_livez_is_answered_while_many_connections_wait() -> None:
    """The benchmark benchmarks/door.py has more connections."""
    async with open_server(
        PATIENT._replace(waiting_of_a_peer=30, inside_of_a_peer=10),
        make_large_fakes(),
    ) as bench:
        crowd = asyncio.create_task(
            Crowd(100, 20, 20).connect_until_cancelled(bench.server.port)
        )
        async with asyncio.timeout(DEADLINE_S):
            while bench.server.connections < 30:  # noqa: ASYNC110 - no event of it
                await asyncio.sleep(0.01)
        for _ in range(20):
            assert (await bench.livez()).startswith(b"HTTP/1.1 200")
            assert bench.server.connections <= 40
        crowd.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await crowd


def test_default_limits_are_those_of_the_documentation() -> None:
    """The other tests use limits of their own, which are reached sooner."""
    docs = REPOSITORY / "docs"
    security, api = ((docs / f"{n}.md").read_text() for n in ("security", "http-api"))
    at, kb, mb = Limits(), 1024, 1024 * 1024
    pools = f"{at.page_visitors} visitors of the page, {at.page_operators} operators"
    pools += f" and {at.event_listeners}"
    waiting = f"{at.waiting:,} are kept ({at.waiting_of_a_peer} from one address"
    for promised in (
        f"a head has {at.head_s:.0f} s and {HEAD_LIMIT_BYTES // kb} kB",
        f"at most {waiting}, {at.heads_bytes // mb} MB in all)",
        f"{at.write_s:.0f} s for what does not go out",
        f"hold {LARGE_ANSWERS_BYTES // mb} MB together",
        f"{at.inside} are open ({at.inside_of_a_peer} from one address)",
        f"{pools} clients of the API in pools of their own",
    ):
        assert promised in security
    pools = (
        f"{at.event_listeners} for `/api/v1/events`, {at.page_operators} for operators "
        f"on the page, {at.page_visitors} for visitors"
    )
    assert pools in " ".join(api.split())
    assert f"A comment every {at.heartbeat_s:.0f} s" in " ".join(api.split())
    assert f"without a request is closed after {at.idle_s:.0f} s" in api
