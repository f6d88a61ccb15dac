"""Visitors who mean harm, for the HTTP server: `python -m benchmarks.crowd PORT`.

Three kinds, all without a token: heads that come a line a second and never end, heads
as long as the server takes them, and readers who ask for much and read nothing. Each
comes again when it is shown out.
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
    """How many of each kind."""

    slow: int
    huge: int
    stalled: int

    async def come(self, port: int) -> None:
        """Until cancelled."""
        kinds = ((_slow, self.slow), (_huge, self.huge), (_stalled, self.stalled))
        async with asyncio.TaskGroup() as tasks:
            for kind, count in kinds:
                for _ in range(count):
                    tasks.create_task(_again(kind, port))


async def _again(kind: Callable[[socket.socket], Awaitable[None]], port: int) -> None:
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as visitor, contextlib.suppress(OSError):
            visitor.settimeout(0.0)
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(visitor, ("127.0.0.1", port))
            await kind(visitor)
        await asyncio.sleep(AGAIN_S)


async def _slow(visitor: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(visitor, GREETING)
    while True:
        await asyncio.sleep(LINE_EVERY_S)
        await loop.sock_sendall(visitor, b"X-Slow: 1\r\n")


async def _huge(visitor: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(visitor, GREETING)
    while True:
        await loop.sock_sendall(visitor, LONG_LINE)
        await asyncio.sleep(0)


async def _stalled(visitor: socket.socket) -> None:
    """Nothing is read; the next questions tell when the server has hung up."""
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(visitor, QUESTIONS)
        await asyncio.sleep(LINE_EVERY_S)


def main() -> None:
    """Come to a port of this machine until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    for kind in Crowd._fields:
        parser.add_argument(f"--{kind}", type=int, default=0)
    asked = parser.parse_args()
    crowd = Crowd(asked.slow, asked.huge, asked.stalled)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(crowd.come(asked.port))


if __name__ == "__main__":
    main()
