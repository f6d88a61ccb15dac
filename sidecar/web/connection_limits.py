"""Limits of the HTTP server's connections: number, bytes and time.

Anybody who reaches the port can open connections. Each costs memory, so they are
bounded in number, in bytes and in the time for which they keep the server waiting.
A new connection is always accepted: at the limit, the connection that has kept the
server waiting longest is closed for it. So a client that asks at once is answered
however many others are slow.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from loguru import logger

READ_BYTES = 16 * 1024
LARGE_ANSWERS_BYTES = 8 * 1024 * 1024
"""Total size of the large answers that are sent at one time."""

SAY_AGAIN_S = 600.0
SPREAD = 0.3
GOLDEN = 0.6180339887
"""Golden ratio: any number of its multiples spreads evenly over 0 to 1."""


class Limits(NamedTuple):
    """Limits of connections, in number and in time.

    ``waiting`` connections have not sent their first head yet: they cost little, and
    ``heads_bytes`` bounds their buffers. ``inside`` are the others, except those that
    listen to a stream: ``event_listeners`` to the API's events, ``page_operators`` and
    ``page_visitors`` to the page. These have pools of their own, so that no crowd of
    one kind keeps another kind out. A stream without an event sends a comment every
    ``heartbeat_s``.
    """

    waiting: int = 1024
    waiting_of_a_peer: int = 768
    inside: int = 128
    inside_of_a_peer: int = 64
    heads_bytes: int = 4 * 1024 * 1024
    head_s: float = 10.0
    idle_s: float = 60.0
    write_s: float = 10.0
    heartbeat_s: float = 15.0
    body_bytes: int = 16 * 1024
    event_listeners: int = 32
    page_operators: int = 32
    page_visitors: int = 256

    @property
    def listeners(self) -> int:
        """Number of connections that may listen to streams, of all kinds."""
        return self.event_listeners + self.page_operators + self.page_visitors


class LimitedConnection(Protocol):
    """One connection, as the limits need it."""

    peer: str

    @property
    def rank(self) -> tuple[int, float]:
        """The connection with the lowest rank is closed first."""

    @property
    def head_bytes(self) -> int:
        """Bytes of the first head that are buffered."""

    def close(self) -> None:
        """Close it at once; unsent data is lost."""


class _ConnectionSet:
    """A bounded set of connections, bounded per peer as well."""

    def __init__(self, name: str, most: int, of_a_peer: int) -> None:
        self._name = name
        self._most = most
        self._of_a_peer = of_a_peer
        self._connections: dict[str, dict[LimitedConnection, None]] = {}
        self._warned_at = float("-inf")
        self.count = 0

    def enter(self, connection: LimitedConnection) -> None:
        """Add a connection; at the limit another one is closed for it."""
        of_peer = self._connections.get(connection.peer, {})
        if len(of_peer) >= self._of_a_peer:
            self._close_one(of_peer, f"from {connection.peer}")
        elif self.count >= self._most:
            self._close_one(self._all(), "in all")
        self._connections.setdefault(connection.peer, {})[connection] = None
        self.count += 1

    def leave(self, connection: LimitedConnection) -> None:
        """Remove a connection that is closed or being closed."""
        of_peer = self._connections.get(connection.peer, {})
        if connection not in of_peer:
            return
        del of_peer[connection]
        self.count -= 1
        if not of_peer:
            del self._connections[connection.peer]

    def close_longest_head(self) -> None:
        """Close the connection with the largest buffered head."""
        longest = max(self._all(), key=lambda connection: connection.head_bytes)
        self.leave(longest)
        longest.close()

    def _all(self) -> Iterator[LimitedConnection]:
        for connections in self._connections.values():
            yield from connections

    def _close_one(self, connections: Iterable[LimitedConnection], origin: str) -> None:
        displaced = min(connections, key=lambda connection: connection.rank)
        self.leave(displaced)
        displaced.close()
        now = asyncio.get_running_loop().time()
        if now - self._warned_at >= SAY_AGAIN_S:
            self._warned_at = now
            logger.warning(
                "too many connections {} {}: for each new one the one that has kept "
                "the server waiting longest is closed",
                self._name,
                origin,
            )


class ConnectionLimits:
    """Counts the connections; ``limits`` bounds them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.buffer = memoryview(bytearray(READ_BYTES))
        """Shared by all: it is filled and emptied within one call of the loop."""
        self.waiting = _ConnectionSet("wait", limits.waiting, limits.waiting_of_a_peer)
        self.inside = _ConnectionSet("are open", limits.inside, limits.inside_of_a_peer)
        self.listening = _ConnectionSet("listen", limits.listeners, limits.listeners)
        self._connection_count = 0
        self._heads_bytes = 0
        self._large_bytes = 0
        self._large: Counter[int] = Counter()
        """The clients that get each large body, by its identity."""

    @property
    def open_connections(self) -> int:
        """Number of open connections."""
        return self.waiting.count + self.inside.count + self.listening.count

    def first_head_s(self) -> float:
        """Time to wait for a new connection's head. It differs from one to the next:
        clients that are closed at one time also reconnect at one time.
        """
        self._connection_count += 1
        return self.limits.head_s * (
            1.0 - SPREAD * (self._connection_count * GOLDEN % 1.0)
        )

    def count_head_bytes(self, size_bytes: int) -> None:
        """Count bytes of heads that are buffered, or released (below zero)."""
        self._heads_bytes += size_bytes
        if self._heads_bytes > self.limits.heads_bytes:
            self.waiting.close_longest_head()

    @contextmanager
    def reserve(self, body: bytes) -> Iterator[bool]:
        """Reserve memory while a large answer is sent. False: the limit is reached.

        A body that several clients get needs its memory once.
        """
        key = id(body)  # It lives until the last client has it.
        new_bytes = 0 if key in self._large else len(body)
        most_bytes = max(LARGE_ANSWERS_BYTES, new_bytes)
        if new_bytes and self._large_bytes + new_bytes > most_bytes:
            yield False
            return
        self._large_bytes += new_bytes
        self._large[key] += 1
        try:
            yield True
        finally:
            self._large[key] -= 1
            if not self._large[key]:
                del self._large[key]
                self._large_bytes -= len(body)
