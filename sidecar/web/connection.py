"""One connection to the HTTP server, with limits of size and of time."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import cast

from sidecar.web.connection_limits import ConnectionLimits

HEAD_LIMIT_BYTES = 32 * 1024
SOCKET_BUFFER_BYTES = 32 * 1024
"""The kernel's buffers of a connection count as our memory, too."""

WRITE_BUFFER_BYTES = 16 * 1024

_HEAD_END = b"\r\n\r\n"
_TOO_LONG = b'{"error":"the head of the request is too long: at most 32768 bytes"}'
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_TOO_LONG), _TOO_LONG)
)


class _Phase(IntEnum):
    """A connection's phase, in the order in which connections are closed."""

    WAITING = 0
    STALLED = 1
    SERVED = 2


class Connection(asyncio.BufferedProtocol):
    """One connection. ``make_inner`` creates the server's own protocol once the first
    head is complete: a connection without one costs almost nothing.
    """

    is_authorised = False
    """May its requests change something without the token?"""

    def __init__(
        self,
        connection_limits: ConnectionLimits,
        make_inner: Callable[[], asyncio.Protocol],
    ) -> None:
        self._connection_limits = connection_limits
        self._make_inner = make_inner
        self._inner: asyncio.Protocol | None = None
        self._head = bytearray()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._read_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._phase = _Phase.WAITING
        self._since = self._loop.time()
        self._bytes = 0
        self._tail = b""
        self._head_ended = False
        self._answered = False
        self.peer = ""

    @property
    def rank(self) -> tuple[int, float]:
        """The connection with the lowest rank is closed first."""
        return (_Phase.STALLED if self._is_stalled else self._phase, self._since)

    @property
    def head_bytes(self) -> int:
        """Bytes of the first head that are buffered."""
        return len(self._head)

    @property
    def _is_stalled(self) -> bool:
        return self._write_timer is not None and self._phase is _Phase.SERVED

    def close(self) -> None:
        """Close it at once; unsent data is lost."""
        if self._transport is not None:
            self._transport.abort()

    @contextmanager
    def mark_serving(self) -> Iterator[None]:
        """Mark the connection while one of its requests is answered."""
        self._close_after(None)
        self._enter(_Phase.SERVED)
        try:
            yield
        finally:
            limits = self._connection_limits.limits
            self._answered = True
            self._close_after(limits.head_s if self._bytes else limits.idle_s)
            self._enter(_Phase.WAITING)

    @contextmanager
    def mark_listening(self) -> Iterator[None]:
        """Mark the connection while it listens to a stream, whose pool bounds it."""
        limits = self._connection_limits
        limits.inside.leave(self)
        if self._is_open:
            limits.listening.enter(self)
        try:
            yield
        finally:
            limits.listening.leave(self)
            if self._is_open:
                limits.inside.enter(self)

    @property
    def _is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._since = self._loop.time()
        self._bytes = 0
        self._tail = b""
        self._head_ended = phase is _Phase.SERVED
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _close_after(self, seconds: float | None) -> None:
        """Close it unless something happens within ``seconds``."""
        if self._read_timer is not None:
            self._read_timer.cancel()
        self._read_timer = None
        if self._transport is not None and seconds is not None:
            self._read_timer = self._loop.call_later(seconds, self.close)

    # --- callbacks of the event loop (typing.override is of 3.12)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[explicit-override]
        """Register it, and limit the time until its first head."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if name else ""
        self._connection_limits.waiting.enter(self)
        self._close_after(self._connection_limits.first_head_s())

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override]
        """Release all that belongs to the closed connection."""
        self._transport = None
        self._close_after(None)
        self._cancel_write_timer()
        self._release_head()
        self._connection_limits.waiting.leave(self)
        self._connection_limits.inside.leave(self)
        self._connection_limits.listening.leave(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:  # type: ignore[explicit-override]  # noqa: ARG002
        """The shared buffer: at most READ_BYTES are read at once."""
        return self._connection_limits.buffer

    def buffer_updated(self, nbytes: int) -> None:  # type: ignore[explicit-override]
        """Handle received bytes."""
        assert self._transport is not None
        data = bytes(self._connection_limits.buffer[:nbytes])
        self._bytes += nbytes
        if self._phase is _Phase.WAITING:
            self._look_at_head(data)
        if self._head_ended and self._bytes > self._request_limit_bytes:
            self._transport.pause_reading()
        elif not self._head_ended and self._bytes > HEAD_LIMIT_BYTES:
            self._refuse(self._transport)
            return
        self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)
            return
        self._head += data
        self._connection_limits.count_head_bytes(len(data))
        if self._transport is None or self._transport.is_closing():
            return
        # The server's own protocol answers whatever is no request.
        if self._head_ended or not self._head[:1].isupper():
            self._open()

    def _open(self) -> None:
        assert self._transport is not None
        self._connection_limits.waiting.leave(self)
        self._connection_limits.inside.enter(self)
        inner = self._inner = self._make_inner()
        inner.connection_made(self._transport)
        inner.data_received(self._release_head())

    def _release_head(self) -> bytes:
        """Return the buffered first head, and release its buffer."""
        head, self._head = bytes(self._head), bytearray()
        self._connection_limits.count_head_bytes(-len(head))
        return head

    @property
    def _request_limit_bytes(self) -> int:
        return HEAD_LIMIT_BYTES + self._connection_limits.limits.body_bytes

    def _look_at_head(self, data: bytes) -> None:
        """Note the start and the end of a request's head."""
        if self._answered and self._bytes == len(data):
            self._close_after(self._connection_limits.limits.head_s)
        window = self._tail + data
        self._tail = window[1 - len(_HEAD_END) :]
        self._head_ended = self._head_ended or _HEAD_END in window

    def _refuse(self, transport: asyncio.Transport) -> None:
        if not self._answered:
            transport.write(_REFUSAL)
        transport.close()

    def eof_received(self) -> bool | None:  # type: ignore[explicit-override]
        """Pass the end of the input on."""
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:  # type: ignore[explicit-override]
        """The client reads too slowly: close it unless it reads on within write_s."""
        self._since = self._loop.time()
        self._write_timer = self._loop.call_later(
            self._connection_limits.limits.write_s, self.close
        )
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:  # type: ignore[explicit-override]
        """The client reads again."""
        self._since = self._loop.time()
        self._cancel_write_timer()
        if self._inner is not None:
            self._inner.resume_writing()

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def connection_of(transport: asyncio.BaseTransport | None) -> Connection | None:
    """The connection of a request; None where it is gone."""
    protocol = (
        transport.get_protocol() if isinstance(transport, asyncio.Transport) else None
    )
    return protocol if isinstance(protocol, Connection) else None
