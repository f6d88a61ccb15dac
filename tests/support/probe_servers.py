"""Servers on real sockets with every fault that a probe has to distinguish."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from tests.support.server_close import close_server

HEALTHY_INFO: Final = {
    "connected": True,
    "server_height": 117,
    "blockchain_height": 117,
    "wallets": {"/data/wallets/default_wallet": True},
}
HEALTHY: Final[dict[str, Any]] = {
    "ping": True,
    "getinfo": HEALTHY_INFO,
    "getbalance": {"confirmed": "1.5"},
    "listaddresses": ["qaddress1", "qaddress2"],
}


def response(
    body: bytes, status: str = "200 OK", content_type: str = "application/json-rpc"
) -> bytes:
    head = f"HTTP/1.0 {status}\r\nContent-type: {content_type}\r\n"
    return f"{head}Content-length: {len(body)}\r\n\r\n".encode() + body


def result(value: object) -> bytes:
    body = {"result": value, "id": 1, "jsonrpc": "2.0"}
    return response(json.dumps(body).encode())


def rpc_error(code: int | None, message: str, status: str = "200 OK") -> bytes:
    error = {"message": message} | ({} if code is None else {"code": code})
    body = {"id": 1, "jsonrpc": "2.0", "error": error}
    return response(json.dumps(body).encode(), status)


class Connection(asyncio.Protocol):
    """One connection: collects a request, then lets the server answer it."""

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.chunks: list[bytes] = []
        self.closed_by_peer = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(  # type: ignore[explicit-override]
        self, transport: asyncio.BaseTransport
    ) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.register(self)

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override]
        self.chunks.append(data)
        if self.complete:
            self.server.answer(self)

    def eof_received(self) -> None:  # type: ignore[explicit-override]
        self.closed_by_peer.set()

    def connection_lost(  # type: ignore[explicit-override]
        self,
        exc: Exception | None,
    ) -> None:
        self.closed_by_peer.set()
        self.server.open.discard(self)

    @property
    def request(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def complete(self) -> bool:
        head, separator, body = self.request.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return bool(separator) and len(body) >= length

    @property
    def method(self) -> str:
        return str(self.rpc["method"])

    @property
    def rpc(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.request.partition(b"\r\n\r\n")[2])
        return parsed

    def send(self, data: bytes, *, close: bool = True) -> None:
        self.transport.write(data)
        if close:
            self.transport.close()

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()


ACCEPTED_S = 20.0


class Server:
    """Counts clients' connections and requests; ``reply`` answers a request."""

    def __init__(self, reply: Callable[[Connection], None]) -> None:
        self.reply = reply
        self.port = 0
        self.all: list[Connection] = []
        self.open: set[Connection] = set()
        self.most_open = 0
        self.touched = asyncio.Event()
        self.on_open: Callable[[Connection], None] = lambda _: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def methods(self) -> list[str]:
        return [connection.method for connection in self.all if connection.complete]

    async def first_connection(self) -> Connection:
        """The first connection, which a busy machine accepts a moment late."""
        await asyncio.wait_for(self.touched.wait(), ACCEPTED_S)
        return self.all[0]

    def register(self, connection: Connection) -> None:
        self.all.append(connection)
        self.touched.set()
        self.open.add(connection)
        self.most_open = max(self.most_open, len(self.open))
        self.on_open(connection)

    def abort_all(self) -> None:
        """Break off all open connections."""
        for connection in tuple(self.open):
            connection.transport.abort()

    def answer(self, connection: Connection) -> None:
        self.reply(connection)


@asynccontextmanager
async def run_server(
    reply: Callable[[Connection], None], host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Server]:
    server = Server(reply)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Connection(server), host, port)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        async with close_server(listener):
            server.abort_all()


def reply_with(data: bytes) -> Callable[[Connection], None]:
    return lambda connection: connection.send(data)


def reply_by_method(answers: dict[str, Any]) -> Callable[[Connection], None]:
    """A reply with each method's result; bytes are sent unchanged."""

    def reply(connection: Connection) -> None:
        answer = answers.get(connection.method)
        if connection.method not in answers:
            answer = rpc_error(-32601, f"Method {connection.method} not supported.")
        connection.send(answer if isinstance(answer, bytes) else result(answer))

    return reply


class BlockedDaemon:
    """A daemon whose thread is held until ``release``, from the call ``method`` on."""

    def __init__(self, method: str, answers: dict[str, Any] = HEALTHY) -> None:
        self._method = method
        self._reply = reply_by_method(answers)
        self._waiting: list[Connection] = []
        self._is_held = True

    def __call__(self, connection: Connection) -> None:
        if self._is_held and (self._waiting or connection.method == self._method):
            self._waiting.append(connection)
        else:
            self._reply(connection)

    def release(self) -> None:
        """Answer all queued requests at once."""
        self._is_held = False
        for connection in self._waiting:
            self._reply(connection)
        self._waiting.clear()


def never_reply(connection: Connection) -> None:
    """Accepts a request and never answers."""


@contextmanager
def refused_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def full_backlog(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port whose queue is full: the next connect gets no answer."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex((host, port))
            waiting.append(client)
        try:
            yield port
        finally:
            for client in waiting:
                client.close()
