"""An HTTP client with one short connection per request.

It supports only what a probe needs: a general client took twice the CPU of the whole
probe, mostly for features that a probe must not use (kept connections, cookies,
redirects, proxies).
"""

import asyncio
import socket
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Protocol, TypeVar

from aiohttp.abc import ResolveResult

from sidecar.probes.http_client.connect import connect_socket
from sidecar.probes.http_client.errors import (
    RequestProgress,
    RequestStage,
    raise_silence,
    translate_error,
)
from sidecar.probes.http_client.request import (
    Endpoint,
    Request,
    parse_endpoint,
    write_request,
)
from sidecar.probes.http_client.resolver import ThreadResolver
from sidecar.probes.http_client.response import (
    ConnectionClosedEarly,
    HttpResponse,
    NotHttp,
    ResponseReader,
)
from sidecar.probes.http_client.tls import TlsContexts

T = TypeVar("T")

_READ_BYTES = 16384


class _Connection(Protocol):
    """A connection, with TLS or without."""

    async def send(self, data: bytes) -> None:
        """Send all of the data."""

    async def receive(self) -> bytes:
        """The next bytes received; b"" at the end."""

    def close(self) -> None:
        """Close the connection at once."""


class HttpClient:
    """One connection per request, closed after the answer; nothing is kept.

    No cookies, no redirects, no proxies, no cached name or address.
    """

    def __init__(self, resolver: ThreadResolver) -> None:
        self._resolver = resolver
        self._tls_contexts = TlsContexts()

    async def find(self, url: str, deadline: float) -> Sequence[ResolveResult]:
        """The addresses of the host of ``url``, for requests that follow at once.

        Raises ProbeFailed.
        """
        address = parse_endpoint(url)
        resolving = self._resolver.resolve(address.host, address.port)
        return await _run_until(deadline, address, RequestProgress(), resolving)

    async def exchange(self, request: Request, deadline: float) -> HttpResponse:
        """Send a request and read the answer, until ``deadline`` (the loop's time).

        Raises ProbeFailed if there is no complete answer.
        """
        address, progress = parse_endpoint(request.url), RequestProgress()
        answer = self._ask(request, address, progress, deadline)
        return await _run_until(deadline, address, progress, answer)

    def send(self, request: Request, deadline: float) -> "PendingAnswer":
        """Start to send a request, and return at once without waiting for the answer.

        The connection must be made until ``deadline`` (the loop's time).
        """
        address, progress = parse_endpoint(request.url), RequestProgress()
        answer = self._ask(request, address, progress, deadline)
        return PendingAnswer(answer, address, progress)

    async def _ask(
        self,
        request: Request,
        address: Endpoint,
        progress: RequestProgress,
        deadline: float,
    ) -> HttpResponse:
        addresses = request.addresses or await self._resolver.resolve(
            address.host, address.port
        )
        progress.step = RequestStage.CONNECTING
        connection = await connect_socket(addresses, deadline, progress.attempts)
        wire = await self._wire(connection, address, request.ca_file)
        progress.step = RequestStage.WAITING
        try:
            await wire.send(write_request(request, address))
            return await _read_answer(wire, request.body_limit_bytes)
        finally:
            wire.close()

    async def _wire(
        self, connection: socket.socket, address: Endpoint, ca_file: str | None
    ) -> _Connection:
        if not address.tls:
            return _PlainConnection(connection)
        try:
            context = await self._tls_contexts.context(ca_file)
            return _TlsConnection(
                *await asyncio.open_connection(
                    sock=connection, ssl=context, server_hostname=address.host
                )
            )
        except BaseException:
            connection.close()
            raise


class PendingAnswer:
    """A request in progress, and its answer.

    It stays open after ``wait_until`` timed out: a server with one thread serves a
    request even if its client has left. ``abandon`` closes it.
    """

    def __init__(
        self,
        exchange: Coroutine[object, object, HttpResponse],
        address: Endpoint,
        progress: RequestProgress,
    ) -> None:
        self._address = address
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._exchange = self._loop.create_task(exchange)
        # An error while nobody waits is raised by the next ``wait_until``.
        self._exchange.add_done_callback(_mark_retrieved)

    @property
    def is_sent(self) -> bool:
        """Is there a connection, so that the server will serve the request?"""
        return self._progress.step is RequestStage.WAITING

    @property
    def is_over(self) -> bool:
        """Was it answered, or did it break?"""
        return self._exchange.done()

    @property
    def waited_s(self) -> float:
        """Seconds since the request began."""
        return self._loop.time() - self._began_s

    async def wait_until(self, deadline: float) -> HttpResponse:
        """The answer, until ``deadline`` (the loop's time). Raises ProbeFailed.

        It raises after silence, too; the request then stays open.
        """
        timeout_s = max(0.0, deadline - self._loop.time())
        await asyncio.wait({self._exchange}, timeout=timeout_s)
        if not self._exchange.done():
            raise_silence(self._progress, self._address, self.waited_s)
        try:
            return self._exchange.result()
        except (OSError, NotHttp, ConnectionClosedEarly) as error:
            place = self._progress.attempts.of(self._address.place)
            raise translate_error(error, place) or error from error

    def abandon(self) -> None:
        """Close the connection; the server may still serve the request."""
        self._exchange.cancel()


def _mark_retrieved(exchange: "asyncio.Task[HttpResponse]") -> None:
    if not exchange.cancelled():
        exchange.exception()


class _PlainConnection:
    """A plain socket: asyncio's streams would double the cost of a small answer.

    A request fits into the socket's buffer, and no answer is there at once.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        try:
            sent_bytes = self._connection.send(data)
        except BlockingIOError:
            sent_bytes = 0
        if sent_bytes < len(data):
            await self._loop.sock_sendall(self._connection, data[sent_bytes:])

    async def receive(self) -> bytes:
        arrival = self._loop.create_future()
        self._loop.add_reader(self._connection, _note_arrival, arrival)
        try:
            await arrival
        finally:
            self._loop.remove_reader(self._connection)
        try:
            return self._connection.recv(_READ_BYTES)
        except BlockingIOError:
            return await self._loop.sock_recv(self._connection, _READ_BYTES)

    def close(self) -> None:
        self._connection.close()


def _note_arrival(arrival: "asyncio.Future[None]") -> None:
    if not arrival.done():
        arrival.set_result(None)


class _TlsConnection:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        return await self._reader.read(_READ_BYTES)

    def close(self) -> None:
        self._writer.transport.abort()


async def _run_until(
    deadline: float, address: Endpoint, progress: RequestProgress, work: Awaitable[T]
) -> T:
    """Run ``work`` until ``deadline``. Raises ProbeFailed on a timeout or an error."""
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(deadline):
            return await work
    except TimeoutError:
        seconds = asyncio.get_running_loop().time() - began
        raise_silence(progress, address, seconds)
    except (OSError, NotHttp, ConnectionClosedEarly) as error:
        place = progress.attempts.of(address.place)
        raise translate_error(error, place) or error from error


async def _read_answer(wire: _Connection, body_limit_bytes: int) -> HttpResponse:
    reader = ResponseReader(body_limit_bytes)
    while data := await wire.receive():
        answer = reader.feed(data)
        if answer is not None:
            return answer
        # A server that sends without end always has data to read: give other tasks
        # and the deadline a turn.
        await asyncio.sleep(0)
    return reader.end()
