"""One connection to the HTTP server: what it may send, and for how long it may take."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import cast

from sidecar.web.door import Door

HEAD_LIMIT_BYTES = 32 * 1024
SOCKET_BUFFER_BYTES = 32 * 1024
"""What the kernel keeps for a connection counts as our memory, too."""

WRITE_BUFFER_BYTES = 16 * 1024

_HEAD_END = b"\r\n\r\n"
_TOO_LONG = b'{"error":"the head of the request is too long: at most 32768 bytes"}'
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_TOO_LONG), _TOO_LONG)
)


class _Phase(IntEnum):
    """What a connection is about, in the order in which it has to give way."""

    WAITING = 0
    STALLED = 1
    SERVED = 2


class Connection(asyncio.BufferedProtocol):
    """One connection. The server's own protocol, which ``make_inner`` makes, has it
    once its first head is there: those that never get so far cost next to nothing.
    """

    def __init__(self, door: Door, make_inner: Callable[[], asyncio.Protocol]) -> None:
        self._door = door
        self._make_inner = make_inner
        self._inner: asyncio.Protocol | None = None
        self._held = bytearray()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self._phase = _Phase.WAITING
        self._since = self._loop.time()
        self._bytes = 0
        self._tail = b""
        self._head_ended = False
        self._answered = False
        self.peer = ""

    @property
    def rank(self) -> tuple[int, float]:
        """The lowest gives way first."""
        return (_Phase.STALLED if self._is_stalled else self._phase, self._since)

    @property
    def held_bytes(self) -> int:
        """What is held of its first head."""
        return len(self._held)

    @property
    def _is_stalled(self) -> bool:
        return self._reader is not None and self._phase is _Phase.SERVED

    def close(self) -> None:
        """At once, whatever was to be sent."""
        if self._transport is not None:
            self._transport.abort()

    @contextmanager
    def served(self) -> Iterator[None]:
        """While a request of it is answered."""
        self._wait(None)
        self._enter(_Phase.SERVED)
        try:
            yield
        finally:
            limits = self._door.limits
            self._answered = True
            self._wait(limits.head_s if self._bytes else limits.idle_s)
            self._enter(_Phase.WAITING)

    def _enter(self, phase: _Phase) -> None:
        self._phase = phase
        self._since = self._loop.time()
        self._bytes = 0
        self._tail = b""
        self._head_ended = phase is _Phase.SERVED
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _wait(self, seconds: float | None) -> None:
        """Close it unless something happens within ``seconds``."""
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None
        if self._transport is not None and seconds is not None:
            self._patience = self._loop.call_later(seconds, self.close)

    # --- what the event loop tells (typing.override is of 3.12)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[explicit-override]
        """Let it in, and give it some seconds for its first head."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if name else ""
        self._door.waiting.enter(self)
        self._wait(self._door.first_head_s())

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override]
        """It is over."""
        self._transport = None
        self._wait(None)
        self._resumed()
        self._let_go()
        self._door.waiting.leave(self)
        self._door.inside.leave(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:  # type: ignore[explicit-override]  # noqa: ARG002
        """So that never more than READ_BYTES are read at once."""
        return self._door.buffer

    def buffer_updated(self, nbytes: int) -> None:  # type: ignore[explicit-override]
        """Something came."""
        assert self._transport is not None
        data = bytes(self._door.buffer[:nbytes])
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
        self._held += data
        self._door.hold(len(data))
        if self._transport is None or self._transport.is_closing():
            return
        # What does not even begin as a request does is the server's to answer.
        if self._head_ended or not self._held[:1].isupper():
            self._open()

    def _open(self) -> None:
        assert self._transport is not None
        self._door.waiting.leave(self)
        self._door.inside.enter(self)
        inner = self._inner = self._make_inner()
        inner.connection_made(self._transport)
        inner.data_received(self._let_go())

    def _let_go(self) -> bytes:
        """What was held of the first head."""
        held, self._held = bytes(self._held), bytearray()
        self._door.hold(-len(held))
        return held

    @property
    def _request_limit_bytes(self) -> int:
        return HEAD_LIMIT_BYTES + self._door.limits.body_bytes

    def _look_at_head(self, data: bytes) -> None:
        """Has it begun, and is it all there?"""
        if self._answered and self._bytes == len(data):
            self._wait(self._door.limits.head_s)
        seen = self._tail + data
        self._tail = seen[1 - len(_HEAD_END) :]
        self._head_ended = self._head_ended or _HEAD_END in seen

    def _refuse(self, transport: asyncio.Transport) -> None:
        if not self._answered:
            transport.write(_REFUSAL)
        transport.close()

    def eof_received(self) -> bool | None:  # type: ignore[explicit-override]
        """Nothing more comes."""
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:  # type: ignore[explicit-override]
        """The reader does not keep up: it has some seconds to read on."""
        self._since = self._loop.time()
        self._reader = self._loop.call_later(self._door.limits.write_s, self.close)
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:  # type: ignore[explicit-override]
        """The reader reads on."""
        self._since = self._loop.time()
        self._resumed()
        if self._inner is not None:
            self._inner.resume_writing()

    def _resumed(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None


def connection_of(transport: asyncio.BaseTransport | None) -> Connection | None:
    """The connection of a request; None where it is gone."""
    found = (
        transport.get_protocol() if isinstance(transport, asyncio.Transport) else None
    )
    return found if isinstance(found, Connection) else None
