"""One connection of HAProxy's agent check: a line in, a line out, closed."""

import asyncio
from collections.abc import Callable

LINE_BYTES = 300
"""Two names with their replicas, and ``failover=``."""

DEADLINE_S = 2.0
"""Time for the whole conversation."""

AnswerLine = Callable[[bytes], bytes]


class AgentConnection(asyncio.Protocol):
    """Answers one line. ``left`` is called at the end.

    What sends no whole line gets no answer: for HAProxy that changes nothing.
    """

    def __init__(
        self,
        answer: AnswerLine,
        joined: Callable[["AgentConnection"], None],
        left: Callable[["AgentConnection"], None],
    ) -> None:
        self._answer = answer
        self._joined = joined
        self._left = left
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[explicit-override]
        """Begin the deadline."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(DEADLINE_S, transport.abort)
        self._joined(self)

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override]
        """Answer the first line; a line that is too long ends the connection."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._received += data[: LINE_BYTES + 1]
        line, end, _ = self._received.partition(b"\n")
        if end and len(line) <= LINE_BYTES:
            transport.write(self._answer(line))
            transport.close()
        elif len(self._received) > LINE_BYTES:
            transport.abort()

    def eof_received(self) -> bool:  # type: ignore[explicit-override]
        """Close it: nothing more can come."""
        return False

    def connection_lost(self, _: Exception | None) -> None:  # type: ignore[explicit-override]
        """End the deadline."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._left(self)

    def close(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()
