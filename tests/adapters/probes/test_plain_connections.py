"""Connections without TLS, whose socket is used without the loop where it allows it."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from sidecar.probes.http_client.client import HttpClient
from sidecar.probes.http_client.request import Request
from sidecar.probes.http_client.resolver import ThreadResolver

DEADLINE_S = 30.0
LARGE_BYTES = 16 * 1024 * 1024
"""More than the buffers of both sockets."""


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    resolver = ThreadResolver()
    yield HttpClient(resolver)
    await resolver.close()


async def answer_length(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer with the number of bytes in the request's body, in two pieces."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
    await asyncio.sleep(0.1)
    body = await reader.readexactly(length)
    text = str(len(body)).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text))
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.write(text)
    await writer.drain()
    writer.close()


async def exchange(client: HttpClient, port: int, body: bytes) -> bytes:
    request = Request("POST", f"http://127.0.0.1:{port}/", body=body)
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    return (await client.exchange(request, deadline)).body


async def test_request_larger_than_the_buffers_arrives_whole(
    client: HttpClient,
) -> None:
    async with await asyncio.start_server(answer_length, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        assert await exchange(client, port, b"") == b"0"
        answer = await exchange(client, port, b"x" * LARGE_BYTES)
        assert answer == str(LARGE_BYTES).encode()


async def test_connection_that_takes_longer_is_waited_for(client: HttpClient) -> None:
    """The server has no room for it; the client's system tries again in a second."""
    with (
        socket.socket() as listener,
        socket.socket() as one,
        socket.socket() as two,
    ):
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (one, two):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        asking = asyncio.create_task(exchange(client, port, b"abc"))
        await asyncio.sleep(0.2)
        assert not asking.done()
        async with await asyncio.start_server(answer_length, sock=listener):
            assert await asking == b"3"
