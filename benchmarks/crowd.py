"""Malicious clients of the HTTP server: `python -m benchmarks.crowd PORT`.

Three kinds, all without a token: slow heads (a line a second, without end), huge heads
(as long as the server accepts) and stalled readers (many requests, no answer read).
Each reconnects when it is disconnected.
"""

import argparse
import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import NamedTuple

AGAIN_S = 1.0
LINE_EVERY_S = 1.0
GREETING = b"GET /livez HTTP/1.1\r\nHost: sidecar\r\n"
LONG_LINE = b"X-Long: " + b"x" * 4000 + b"\r\n"
QUESTIONS = b"".join(
    b"GET %s HTTP/1.1\r\nHost: sidecar\r\n\r\n" % path
    for path in (b"/metrics", b"/api/v1/status", b"/metrics", b"/api/v1/status")
)


class Crowd(NamedTuple):
    """Number of clients of each kind."""

    slow: int
    huge: int
    stalled: int

    async def connect_until_cancelled(self, port: int) -> None:
        """Connect all clients, repeatedly, until cancelled."""
        kinds = (
            (_connect_slow, self.slow),
            (_connect_huge, self.huge),
            (_connect_stalled, self.stalled),
        )
        async with asyncio.TaskGroup() as tasks:
            for kind, count in kinds:
                for _ in range(count):
                    tasks.create_task(_reconnect(kind, port))


async def _reconnect(
    kind: Callable[[socket.socket], Awaitable[None]], port: int
) -> None:
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as client, contextlib.suppress(OSError):
            client.settimeout(0.0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(client, ("127.0.0.1", port))
            await kind(client)
        await asyncio.sleep(AGAIN_S)


async def _connect_slow(client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, GREETING)
    while True:
        await asyncio.sleep(LINE_EVERY_S)
        await loop.sock_sendall(client, b"X-Slow: 1\r\n")


async def _connect_huge(client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, GREETING)
    while True:
        await loop.sock_sendall(client, LONG_LINE)
        await asyncio.sleep(0)


async def _connect_stalled(client: socket.socket) -> None:
    """Send requests without reading; a failed send shows that the server closed."""
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(client, QUESTIONS)
        await asyncio.sleep(LINE_EVERY_S)


def main() -> None:
    """Connect to a port of this machine until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    for kind in Crowd._fields:
        parser.add_argument(f"--{kind}", type=int, default=0)
    arguments = parser.parse_args()
    crowd = Crowd(arguments.slow, arguments.huge, arguments.stalled)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(crowd.connect_until_cancelled(arguments.port))


if __name__ == "__main__":
    main()
