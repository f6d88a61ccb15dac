"""Servers that send without end: the probe ends in time, the loop is not held."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_result import ProbeVerdict
from sidecar.core.model.probe_settings import HttpProbe
from sidecar.probes.http_client.response import (
    BODY_LIMIT_BYTES,
    HEAD_LIMIT_BYTES,
    OVERHEAD,
    ConnectionClosedEarly,
    HttpResponse,
    NotHttp,
    ResponseReader,
)
from sidecar.probes.prober import ProbeRunner
from tests.support.fakes import FakeClock, FakeEngine, a_container

TIMEOUT_S = 2.0
LATE_S = 0.2
TRIES = 3
PIECE_BYTES = 16384
BESIDE_BYTES = 65536 + PIECE_BYTES
"""Bytes that may come besides a head, or besides a body with its framing."""

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "blank lines between chunks": (CHUNKED + b"1\r\na\r\n", b"\n" * 65536),
    "1xx heads": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "1xx heads with fields": (b"", b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" * 1000),
    "a head": (OK, b"X-A: b\r\n" * 1000),
    "one field": (OK + b"X-A: ", b"b" * 65536),
    "a status line": (b"HTTP/1.1 200 ", b"b" * 65536),
    "chunks of a byte": (CHUNKED, b"1\r\na\r\n" * 10_000),
    "a chunk's extension": (CHUNKED + b"1;", b"b" * 65536),
    "a chunk's size": (CHUNKED, b"0" * 65536),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\n", b"X-A: b\r\n" * 1000),
    "a body": (OK + b"\r\n", b"b" * 65536),
    "nothing of HTTP": (b"", b"\x00" * 65536),
    "blank lines before": (b"", b"\r\n" * 30_000),
}


@contextmanager
def run_flooding_server(first: bytes, again: bytes) -> Iterator[str]:
    """A server, in a thread, that sends at full speed until the client disconnects."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    connection.sendall(first)
                    while True:
                        connection.sendall(again)
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5.0)


@pytest.fixture
async def prober() -> AsyncIterator[ProbeRunner]:
    clock = FakeClock()
    probes = ProbeRunner(FakeEngine(clock), clock)
    yield probes
    await probes.close()


async def measure_longest_turn() -> float:
    """Longest CPU time of the loop between two of its wake-ups, until cancelled.

    CPU time: a busy machine makes the loop late, too, and that proves nothing.
    """
    used_s, worst = time.thread_time(), 0.0
    try:
        while True:
            await asyncio.sleep(0.005)
            before_s, used_s = used_s, time.thread_time()
            worst = max(worst, used_s - before_s)
    except asyncio.CancelledError:
        return worst


@pytest.mark.parametrize("case", sorted(ENDLESS))
async def test_endless_answer_is_ended_in_time(prober: ProbeRunner, case: str) -> None:
    # A busy machine spoils a try; a fault of ours spoils each.
    tries = [await probe_flood(prober, case)]
    while max(tries[-1]) >= LATE_S and len(tries) < TRIES:
        tries.append(await probe_flood(prober, case))
    assert max(tries[-1]) < LATE_S, tries


async def probe_flood(prober: ProbeRunner, case: str) -> tuple[float, float]:
    """Seconds by which a probe of a flooding server was late, and its longest turn."""
    loop = asyncio.get_running_loop()
    watching = asyncio.create_task(measure_longest_turn())
    with run_flooding_server(*ENDLESS[case]) as url:
        began = loop.time()
        settings = HttpProbe(url, timeout_s=TIMEOUT_S, expect_body="never")
        outcome = await prober.probe(settings, a_container("c1"))
        took = loop.time() - began
    watching.cancel()
    if outcome.verdict is ProbeVerdict.UNKNOWN:
        stalled = outcome.cause is Cause.SUSPENDED
        assert stalled or "max_body_bytes" in str(outcome.reason)
    else:
        assert outcome.cause in {Cause.BAD_BODY, Cause.HUNG, Cause.RESET}
    return took - TIMEOUT_S, await watching


@pytest.mark.parametrize("case", sorted(ENDLESS))
async def test_endless_answer_is_read_up_to_a_bound(case: str) -> None:
    first, again = ENDLESS[case]
    has_head = b"\r\n\r\n" in first
    most = BODY_LIMIT_BYTES * OVERHEAD if has_head else HEAD_LIMIT_BYTES
    raw = first + again * (2 + 2 * (most + BESIDE_BYTES) // len(again))
    reader = ResponseReader()
    for start in range(0, len(raw), PIECE_BYTES):
        try:
            response = reader.feed(raw[start : start + PIECE_BYTES])
        except NotHttp:
            break
        if response is not None:
            break
    else:
        pytest.fail(f"{len(raw)} bytes were read, and more would be")
    assert start <= most + BESIDE_BYTES


async def read_response(
    raw: bytes, size: int, limit: int = BODY_LIMIT_BYTES
) -> HttpResponse:
    """Response of ``raw``, fed in pieces of ``size`` bytes, then the end."""
    reader = ResponseReader(limit)
    for start in range(0, len(raw), size):
        response = reader.feed(raw[start : start + size])
        if response is not None:
            return response
    return reader.end()


WHOLE = {
    "length": OK + b"Content-Length: 2\r\n\r\nhi",
    "chunks": CHUNKED + b"1\r\nh\r\n1;x=y\r\ni\r\n0\r\n\r\n",
    "until closed": OK + b"\r\nhi",
    "after 1xx": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
    "bare line feeds": b"HTTP/1.0 200 OK\nContent-Length: 2\n\nhi",
}


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("framing", sorted(WHOLE))
async def test_response_is_the_same_for_every_piece_size(
    framing: str, size: int
) -> None:
    response = await read_response(WHOLE[framing], size)
    assert (response.status, response.body, response.cut) == (200, b"hi", False)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_without_a_body_ends_with_its_head(status: bytes) -> None:
    raw = b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n"
    assert (await read_response(raw, 10_000)).body == b""


@pytest.mark.parametrize("limit", [10, 1000])
async def test_a_body_over_its_limit_is_cut(limit: int) -> None:
    response = await read_response(OK + b"\r\n" + b"x" * 5000, 10_000, limit)
    assert (len(response.body), response.cut) == (limit, True)


@pytest.mark.parametrize("framing", ["length", "chunks", "after 1xx"])
async def test_truncated_response_is_closed_early(framing: str) -> None:
    raw = WHOLE[framing]
    for end in range(8, len(raw) - 2):
        with pytest.raises(ConnectionClosedEarly):
            await read_response(raw[:end], 10_000)


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"\r\n" + OK + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: x\r\n\r\n",
        CHUNKED + b"zz\r\n",
    ],
)
async def test_answer_other_than_http_is_refused_at_once(raw: bytes) -> None:
    with pytest.raises(NotHttp):
        await read_response(raw, 10_000)
