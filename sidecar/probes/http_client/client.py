"""One HTTP request on one short connection of its own, and its answer.

Written for what a probe needs and nothing else: a general client took twice the CPU
of the whole probe, most of it to prepare what a probe forbids (kept connections,
cookies, redirects, proxies).
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
    """A connection, in the clear or not."""

    async def send(self, data: bytes) -> None:
        """All of it."""

    async def receive(self) -> bytes:
        """What has come; b"" at the end."""

    def close(self) -> None:
        """At once."""


class HttpClient:
    """A connection per request: closed after the answer, nothing remembered.

    No cookies, no redirects, no proxies, no kept name or address.
    """

    def __init__(self, resolver: ThreadResolver) -> None:
        self._resolver = resolver
        self._trust = TlsContexts()

    async def find(self, url: str, deadline: float) -> Sequence[ResolveResult]:
        """Where the host of ``url`` is, for requests that follow at once. Trouble."""
        address = parse_endpoint(url)
        resolving = self._resolver.resolve(address.host, address.port)
        return await _run_until(deadline, address, RequestProgress(), resolving)

    async def exchange(self, request: Request, deadline: float) -> HttpResponse:
        """Ask, and read the answer, until ``deadline`` (the loop's time).

        Raises Trouble where there was no whole answer.
        """
        address, progress = parse_endpoint(request.url), RequestProgress()
        asking = self._ask(request, address, progress, deadline)
        return await _run_until(deadline, address, progress, asking)

    def send(self, request: Request, deadline: float) -> "PendingAnswer":
        """Begin to ask, and return at once: the answer may take its time.

        Until ``deadline`` (the loop's time) there is to be a connection.
        """
        address, progress = parse_endpoint(request.url), RequestProgress()
        asking = self._ask(request, address, progress, deadline)
        return PendingAnswer(asking, address, progress)

    async def _ask(
        self,
        request: Request,
        address: Endpoint,
        progress: RequestProgress,
        deadline: float,
    ) -> HttpResponse:
        found = request.found or await self._resolver.resolve(
            address.host, address.port
        )
        progress.step = RequestStage.CONNECTING
        connection = await connect_socket(found, deadline, progress.attempts)
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
            context = await self._trust.context(ca_file)
            return _TlsConnection(
                *await asyncio.open_connection(
                    sock=connection, ssl=context, server_hostname=address.host
                )
            )
        except BaseException:
            connection.close()
            raise


class PendingAnswer:
    """A request that was sent, or is being sent, and whose answer is waited for.

    It stays open after ``wait_until`` gave up: a server with one thread serves
    what its client has left all the same. ``abandon`` closes it.
    """

    def __init__(
        self,
        asking: Coroutine[object, object, HttpResponse],
        address: Endpoint,
        progress: RequestProgress,
    ) -> None:
        self._address = address
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._asking = self._loop.create_task(asking)
        # A connection that breaks when nobody waits is told to whoever asks next.
        self._asking.add_done_callback(_mark_retrieved)

    @property
    def is_sent(self) -> bool:
        """Is there a connection, so that the server will serve the request?"""
        return self._progress.step is RequestStage.WAITING

    @property
    def is_over(self) -> bool:
        """Was it answered, or did it break?"""
        return self._asking.done()

    @property
    def waited_s(self) -> float:
        """For how long the answer has been waited for."""
        return self._loop.time() - self._began_s

    async def wait_until(self, deadline: float) -> HttpResponse:
        """The answer, until ``deadline`` (the loop's time). Trouble.

        Silence is Trouble too, and leaves the request open.
        """
        timeout_s = max(0.0, deadline - self._loop.time())
        await asyncio.wait({self._asking}, timeout=timeout_s)
        if not self._asking.done():
            raise_silence(self._progress, self._address, self.waited_s)
        try:
            return self._asking.result()
        except (OSError, NotHttp, ConnectionClosedEarly) as error:
            place = self._progress.attempts.of(self._address.place)
            raise translate_error(error, place) or error from error

    def abandon(self) -> None:
        """Close the connection. What was sent is served all the same."""
        self._asking.cancel()


def _mark_retrieved(asking: "asyncio.Task[HttpResponse]") -> None:
    if not asking.cancelled():
        asking.exception()


class _PlainConnection:
    """A bare socket: asyncio's streams would double what a small answer costs."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._connection, data)

    async def receive(self) -> bytes:
        return await self._loop.sock_recv(self._connection, _READ_BYTES)

    def close(self) -> None:
        self._connection.close()


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
    """Do it in time, or say what went wrong. Trouble."""
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
        # A server that sends without end has something to read at any time: others,
        # and the deadline, have their turn all the same.
        await asyncio.sleep(0)
    return reader.end()
