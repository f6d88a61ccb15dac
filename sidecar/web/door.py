"""The door in front of the HTTP server: who may be connected, and for how long.

Anybody who reaches the port can open connections. Each costs memory, so they are
bounded in number, in bytes and in the time for which they keep the server waiting.
A newcomer is always let in: where the door is full, the connection that has kept the
server waiting longest is closed for it. So a visitor who asks at once is answered
however many others are slow.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from loguru import logger

READ_BYTES = 16 * 1024
LARGE_ANSWERS_BYTES = 8 * 1024 * 1024
"""What all answers that are too large for one piece may hold together."""

SAY_AGAIN_S = 600.0
SPREAD = 0.3
GOLDEN = 0.6180339887
"""Its multiples are spread evenly over the unit, in whatever number they come."""


class Limits(NamedTuple):
    """How many connections, and for how long they may keep the server waiting.

    ``waiting`` are those whose first head is not there yet: they cost little, and
    ``heads_bytes`` bounds what they hold. ``inside`` are the others.
    """

    waiting: int = 1024
    waiting_of_a_peer: int = 768
    inside: int = 128
    inside_of_a_peer: int = 64
    heads_bytes: int = 4 * 1024 * 1024
    head_s: float = 10.0
    idle_s: float = 60.0
    write_s: float = 10.0
    body_bytes: int = 16 * 1024


class Visit(Protocol):
    """One connection, as the door sees it."""

    peer: str

    @property
    def rank(self) -> tuple[int, float]:
        """The lowest gives way first."""

    @property
    def held_bytes(self) -> int:
        """What is held of its first head."""

    def close(self) -> None:
        """At once, whatever was to be sent."""


class _Room:
    """A bounded number of connections, and of those of one peer."""

    def __init__(self, name: str, most: int, of_a_peer: int) -> None:
        self._name = name
        self._most = most
        self._of_a_peer = of_a_peer
        self._visits: dict[str, dict[Visit, None]] = {}
        self._said = float("-inf")
        self.count = 0

    def enter(self, visit: Visit) -> None:
        """Let it in; where the room is full another one is closed for it."""
        of_peer = self._visits.get(visit.peer, {})
        if len(of_peer) >= self._of_a_peer:
            self._close_one(of_peer, f"from {visit.peer}")
        elif self.count >= self._most:
            self._close_one(self._all(), "in all")
        self._visits.setdefault(visit.peer, {})[visit] = None
        self.count += 1

    def leave(self, visit: Visit) -> None:
        """It is gone, or as good as gone."""
        of_peer = self._visits.get(visit.peer, {})
        if visit not in of_peer:
            return
        del of_peer[visit]
        self.count -= 1
        if not of_peer:
            del self._visits[visit.peer]

    def close_longest_head(self) -> None:
        """Make room for other heads."""
        longest = max(self._all(), key=lambda visit: visit.held_bytes)
        self.leave(longest)
        longest.close()

    def _all(self) -> Iterator[Visit]:
        for visits in self._visits.values():
            yield from visits

    def _close_one(self, visits: Iterable[Visit], whose: str) -> None:
        displaced = min(visits, key=lambda visit: visit.rank)
        self.leave(displaced)
        displaced.close()
        now = asyncio.get_running_loop().time()
        if now - self._said >= SAY_AGAIN_S:
            self._said = now
            logger.warning(
                "too many connections {} {}: for each new one the one that has kept "
                "the server waiting longest is closed",
                self._name,
                whose,
            )


class Door:
    """Counts the connections; ``limits`` bounds them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.buffer = memoryview(bytearray(READ_BYTES))
        """Filled and emptied within one call of the loop: one is enough for all."""
        self.waiting = _Room("wait", limits.waiting, limits.waiting_of_a_peer)
        self.inside = _Room("are open", limits.inside, limits.inside_of_a_peer)
        self._came = 0
        self._heads_bytes = 0
        self._large_bytes = 0

    def first_head_s(self) -> float:
        """For how long a new connection's head is waited for: a little differently
        each time, for a crowd that is shown out at once comes again at once.
        """
        self._came += 1
        return self.limits.head_s * (1.0 - SPREAD * (self._came * GOLDEN % 1.0))

    def hold(self, size_bytes: int) -> None:
        """Of a head so much more is held (or less, below zero)."""
        self._heads_bytes += size_bytes
        if self._heads_bytes > self.limits.heads_bytes:
            self.waiting.close_longest_head()

    @contextmanager
    def holding(self, size_bytes: int) -> Iterator[bool]:
        """While a large answer is sent. False: too much is held for others."""
        if self._large_bytes + size_bytes > max(LARGE_ANSWERS_BYTES, size_bytes):
            yield False
            return
        self._large_bytes += size_bytes
        try:
            yield True
        finally:
            self._large_bytes -= size_bytes
