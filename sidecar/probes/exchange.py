"""One HTTP request on one short connection of its own, and what came back.

Written for what a probe needs and nothing else: a general client took twice the CPU
of the whole probe, most of it to prepare what a probe forbids (kept connections,
cookies, redirects, proxies).
"""

import asyncio
import base64
import errno
import socket
import ssl
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, NoReturn, Protocol, TypeVar

from aiohttp.abc import ResolveResult
from yarl import URL

from sidecar.core.model.cause import Cause
from sidecar.core.model.probe_settings import Credentials
from sidecar.probes.connect import Attempts, connect_socket
from sidecar.probes.resolver import ThreadResolver
from sidecar.probes.response import (
    BODY_LIMIT_BYTES,
    Answer,
    BrokenOff,
    NotHttp,
    ResponseReader,
)
from sidecar.probes.trouble import Trouble, trouble
from sidecar.probes.trust import Trust, tls_trouble

T = TypeVar("T")

_READ_BYTES = 16384
_ADDRESSES_KEPT = 4096
_DEFAULT_PORTS = {"http": 80, "https": 443}

_BROKEN_OFF = "{place} closed the connection without a whole answer"
_RESETS = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}
_NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}


class Request(NamedTuple):
    """What to ask. ``credentials`` are sent at once, without a challenge.

    ``found``: where the URL's host is, if that was asked for already.
    ``body_limit_bytes``: how much of the answer's body is kept.
    ``ca_file``: the authority to trust instead of the system's.
    """

    method: str
    url: str
    credentials: Credentials | None = None
    headers: Mapping[str, str] | None = None
    body: bytes | None = None
    found: Sequence[ResolveResult] | None = None
    body_limit_bytes: int = BODY_LIMIT_BYTES
    ca_file: str | None = None


class _Step(StrEnum):
    RESOLVING = "resolving"
    CONNECTING = "connecting"
    WAITING = "waiting"


@dataclass(slots=True)
class _Progress:
    """How far a request has come: which step a timeout cut short tells causes apart."""

    step: _Step = _Step.RESOLVING
    attempts: Attempts = field(default_factory=Attempts)


class _Address(NamedTuple):
    """A URL taken apart; ``place`` is its host and port, for people."""

    host: str
    port: int
    tls: bool
    host_header: str
    path: str
    place: str


class _Wire(Protocol):
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
        self._trust = Trust()

    async def find(self, url: str, deadline: float) -> Sequence[ResolveResult]:
        """Where the host of ``url`` is, for requests that follow at once. Trouble."""
        address = _address(url)
        resolving = self._resolver.resolve(address.host, address.port)
        return await _until(deadline, address, _Progress(), resolving)

    async def exchange(self, request: Request, deadline: float) -> Answer:
        """Ask, and read the answer, until ``deadline`` (the loop's time).

        Raises Trouble where there was no whole answer.
        """
        address, progress = _address(request.url), _Progress()
        asking = self._ask(request, address, progress, deadline)
        return await _until(deadline, address, progress, asking)

    def send(self, request: Request, deadline: float) -> "PendingAnswer":
        """Begin to ask, and return at once: the answer may take its time.

        Until ``deadline`` (the loop's time) there is to be a connection.
        """
        address, progress = _address(request.url), _Progress()
        asking = self._ask(request, address, progress, deadline)
        return PendingAnswer(asking, address, progress)

    async def _ask(
        self,
        request: Request,
        address: _Address,
        progress: _Progress,
        deadline: float,
    ) -> Answer:
        found = request.found or await self._resolver.resolve(
            address.host, address.port
        )
        progress.step = _Step.CONNECTING
        connection = await connect_socket(found, deadline, progress.attempts)
        wire = await self._wire(connection, address, request.ca_file)
        progress.step = _Step.WAITING
        try:
            await wire.send(_written(request, address))
            return await _read(wire, request.body_limit_bytes)
        finally:
            wire.close()

    async def _wire(
        self, connection: socket.socket, address: _Address, ca_file: str | None
    ) -> _Wire:
        if not address.tls:
            return _Plain(connection)
        try:
            context = await self._trust.context(ca_file)
            return _Encrypted(
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
        asking: Coroutine[object, object, Answer],
        address: _Address,
        progress: _Progress,
    ) -> None:
        self._address = address
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._asking = self._loop.create_task(asking)
        # A connection that breaks when nobody waits is told to whoever asks next.
        self._asking.add_done_callback(_retrieve)

    @property
    def is_sent(self) -> bool:
        """Is there a connection, so that the server will serve the request?"""
        return self._progress.step is _Step.WAITING

    @property
    def is_over(self) -> bool:
        """Was it answered, or did it break?"""
        return self._asking.done()

    @property
    def waited_s(self) -> float:
        """For how long the answer has been waited for."""
        return self._loop.time() - self._began_s

    async def wait_until(self, deadline: float) -> Answer:
        """The answer, until ``deadline`` (the loop's time). Trouble.

        Silence is Trouble too, and leaves the request open.
        """
        timeout_s = max(0.0, deadline - self._loop.time())
        await asyncio.wait({self._asking}, timeout=timeout_s)
        if not self._asking.done():
            _raise_silence(self._progress, self._address, self.waited_s)
        try:
            return self._asking.result()
        except (OSError, NotHttp, BrokenOff) as error:
            place = self._progress.attempts.of(self._address.place)
            raise _translated(error, place) or error from error

    def abandon(self) -> None:
        """Close the connection. What was sent is served all the same."""
        self._asking.cancel()


def _retrieve(asking: "asyncio.Task[Answer]") -> None:
    if not asking.cancelled():
        asking.exception()


class _Plain:
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


class _Encrypted:
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


async def _until(
    deadline: float, address: _Address, progress: _Progress, work: Awaitable[T]
) -> T:
    """Do it in time, or say what went wrong. Trouble."""
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(deadline):
            return await work
    except TimeoutError:
        seconds = asyncio.get_running_loop().time() - began
        _raise_silence(progress, address, seconds)
    except (OSError, NotHttp, BrokenOff) as error:
        place = progress.attempts.of(address.place)
        raise _translated(error, place) or error from error


async def _read(wire: _Wire, body_limit_bytes: int) -> Answer:
    reader = ResponseReader(body_limit_bytes)
    while data := await wire.receive():
        answer = reader.feed(data)
        if answer is not None:
            return answer
        # A server that sends without end has something to read at any time: others,
        # and the deadline, have their turn all the same.
        await asyncio.sleep(0)
    return reader.end()


# --- the request as it is sent --------------------------------------------------


@lru_cache(_ADDRESSES_KEPT)
def _address(url: str) -> _Address:
    parts = URL(url)
    host, port = parts.raw_host, parts.port
    if host is None or port is None:
        raise ValueError(f"{url} names no host")
    shown = f"[{host}]" if ":" in host else host
    usual = port == _DEFAULT_PORTS[parts.scheme]
    return _Address(
        host,
        port,
        parts.scheme == "https",
        shown if usual else f"{shown}:{port}",
        parts.raw_path_qs,
        f"{parts.host}:{port}",
    )


def _written(request: Request, address: _Address) -> bytes:
    """In one piece: servers with one thread wait for the rest of a divided one."""
    headers = {
        "host": f"Host: {address.host_header}",
        "accept-encoding": "Accept-Encoding: identity",
        "user-agent": "User-Agent: sidecar",
    }
    for name, value in (request.headers or {}).items():
        headers[name.lower()] = f"{name}: {value}"
    if request.credentials is not None:
        headers["authorization"] = f"Authorization: {_basic(request.credentials)}"
    if request.body is not None:
        headers["content-length"] = f"Content-Length: {len(request.body)}"
    headers["connection"] = "Connection: close"
    if any("\r" in line or "\n" in line for line in headers.values()):
        raise ValueError("a header holds a line break")
    head = (f"{request.method} {address.path} HTTP/1.1", *headers.values(), "", "")
    return "\r\n".join(head).encode() + (request.body or b"")


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


# --- what went wrong ------------------------------------------------------------


def _raise_silence(progress: _Progress, address: _Address, seconds: float) -> NoReturn:
    place = progress.attempts.of(address.place)
    match progress.step:
        case _Step.RESOLVING:
            raise trouble(
                Cause.DETACHED,
                f"the name of {place} did not resolve within {seconds:.1f} s",
                path_fault=True,
            )
        case _Step.CONNECTING:
            raise trouble(
                Cause.HUNG,
                f"{place} accepted no connection for {seconds:.1f} s",
                path_fault=True,
            )
        case _Step.WAITING:
            raise trouble(Cause.HUNG, f"no answer from {place} for {seconds:.1f} s")


def _translated(error: Exception, place: str) -> Trouble | None:
    """What an error says about the target.

    None where it says nothing about it (too many open files, no memory): the probe
    then answers UNKNOWN.
    """
    match error:
        case NotHttp():
            return trouble(Cause.BAD_BODY, f"{place} does not answer in HTTP")
        case BrokenOff():
            return trouble(Cause.RESET, _BROKEN_OFF.format(place=place))
        case socket.gaierror():
            return trouble(
                Cause.DETACHED, f"the name of {place} does not resolve", path_fault=True
            )
        case ssl.SSLError():
            return tls_trouble(error, place)
        case OSError():
            return socket_trouble(error, place)
        case _:
            return None


def socket_trouble(error: OSError, place: str) -> Trouble | None:
    """What a socket's error says about the target; None: nothing."""
    number = error.errno
    if number in _RESETS:
        return trouble(Cause.RESET, _BROKEN_OFF.format(place=place))
    if number == errno.ETIMEDOUT:
        return trouble(Cause.HUNG, f"{place} accepts no connection", path_fault=True)
    if number in _NO_WAY:
        return trouble(Cause.DETACHED, f"there is no route to {place}", path_fault=True)
    if number == errno.ECONNREFUSED:
        return trouble(Cause.REFUSED, f"connection refused by {place}")
    return None
