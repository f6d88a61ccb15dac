"""The port to the server of the lease, and what is exchanged with it."""

from typing import NamedTuple, Protocol

from sidecar.core.status.lease_protocol import LeaseAnswer


class ServerLost(Exception):
    """The server gave no usable answer; the text has no secret and fits a log line."""


class View(NamedTuple):
    """The view of one watchdog: the names of the targets that are down.

    ``down`` None: it cannot act, so it does not judge them.
    """

    watchdog_id: str
    name: str
    down: frozenset[str] | None


class HeldAnswer(NamedTuple):
    """An answer about the lease; ``left_s``: the time until another can get it."""

    answer: LeaseAnswer
    left_s: float


class LeaseServer(Protocol):
    """The server. Each request has a deadline, and raises ServerLost."""

    async def acquire(self, floor: int, span_s: float, longest_s: float) -> HeldAnswer:
        """Get the lease if nobody holds it. ``span_s`` 0: only look who holds it."""

    async def renew(self, token: int, span_s: float, call_s: float) -> HeldAnswer:
        """Keep the lease of this token for ``span_s`` from now on.

        ``call_s``: for so long a call may be under way; 0: none is.
        """

    async def release(self, token: int) -> None:
        """Give the lease of this token back, if it is still held."""

    async def exchange_views(self, own: View, ttl_s: float) -> tuple[View, ...]:
        """Publish our view for ``ttl_s``; the views of the other watchdogs."""

    async def close(self) -> None:
        """End the connections."""
