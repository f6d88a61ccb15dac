"""The engine's event stream: connections, and the queue to the loop."""

import asyncio
import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from typing import NamedTuple, TypeAlias

import msgspec
import requests
import urllib3
from docker.types import CancellableStream
from docker.utils import convert_filters

from sidecar.core.ports.engine import (
    Connected,
    Disconnected,
    EngineError,
    EngineEvent,
    EngineRefused,
)
from sidecar.engine import answers
from sidecar.engine.answers import WATCHED_ACTIONS
from sidecar.engine.api_types import Event
from sidecar.engine.client import Client
from sidecar.engine.connection import EngineConnection
from sidecar.engine.errors import (
    ConnectionBroke,
    Mask,
    engine_error,
    raise_for_status,
)
from sidecar.engine.podman import OWN_ACTIONS

PENDING_NOTICES = 512
_REMEMBERED = 512
"""More than the 256 events that the engine can replay."""
QUIET_S = 30.0
"""A stream silent for so long is opened again: it may be dead without an error."""
_CHUNK = 16 * 1024
_BACKOFF_S = 0.5
_BACKOFF_MAX_S = 10.0

Item = EngineEvent | Connected | Disconnected
RawEvents: TypeAlias = "CancellableStream[bytes]"


class _UnknownEvent(NamedTuple):
    """An event that was not understood."""


class _StreamEnded(NamedTuple):
    """The reading of one connection ended; ``quiet``: nothing is wrong with it."""

    reason: str
    quiet: bool = False


_QueueItem = EngineEvent | Connected | _UnknownEvent | _StreamEnded
Parse = Callable[[bytes], EngineEvent | _UnknownEvent | None]
"""Reads one line of the stream; None: it does not concern us."""
Translate = Callable[[Event], Event | None]


class StreamPosition:
    """Our position in the engine's events, so that a gap is replayed once."""

    def __init__(self, since_nano: int) -> None:
        self._since_nano = since_nano
        self._delivered: deque[tuple[int, str, str]] = deque(maxlen=_REMEMBERED)

    @property
    def since(self) -> str:
        """The API's ``since``: seconds and nanoseconds."""
        seconds, nanoseconds = divmod(self._since_nano, 10**9)
        return f"{seconds}.{nanoseconds:09d}"

    def is_new(self, time_nano: int, container_id: str, action: str) -> bool:
        """Was this event not delivered before? It counts as delivered from now on.

        By identity, not by time alone: the engine's clock may be set back, and
        two events of one instant may come in either order.
        """
        key = (time_nano, container_id, action)
        if key in self._delivered:
            return False
        self._delivered.append(key)
        self._since_nano = time_nano
        return True


class EventQueue:
    """Notices on their way from the reading thread to the loop.

    It is bounded: beyond its limit the oldest item is dropped, and a Connected in
    its place says that events may be lost.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._items: deque[_QueueItem] = deque()
        self._filled = asyncio.Event()

    def add(self, item: _QueueItem) -> None:
        """Add one item; from any thread."""
        with self._lock:
            was_empty = not self._items
            if len(self._items) >= PENDING_NOTICES:
                self._items.popleft()
                self._items[0] = Connected()
            self._items.append(item)
        if was_empty:
            self._loop.call_soon_threadsafe(self._filled.set)

    async def take(self) -> tuple[_QueueItem, ...]:
        """All items, once there is at least one."""
        await self._filled.wait()
        with self._lock:
            items = tuple(self._items)
            self._items.clear()
            self._filled.clear()
        return items


class EventStream:
    """Events of the containers with one label, over successive connections."""

    def __init__(
        self,
        link: EngineConnection,
        label: str,
        *,
        replay_s: float,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._link = link
        self._label = label
        self._quiet_s = quiet_s
        self._cursor = StreamPosition(time.time_ns() - int(replay_s * 1e9))
        self._closing = asyncio.Event()
        self._raw: RawEvents | None = None
        self._translator: Translate | None = None

    async def items(self) -> AsyncGenerator[Item, None]:
        """Until closed: Connected, notices, Disconnected, and again."""
        refusal_told: bool | None = None
        """Was the reported disconnection a refusal? None: it is connected."""
        tries = 0
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                async with contextlib.aclosing(self._connection()) as items:
                    async for item in items:
                        refusal_told = None
                        yield item
            except EngineError as error:
                refused = isinstance(error, EngineRefused)
                if refusal_told is not refused and not self._closing.is_set():
                    refusal_told = refused
                    yield Disconnected(str(error), refused)
            lasted = time.monotonic() - began > _BACKOFF_MAX_S
            tries = 0 if lasted else tries + 1
            await self._pause(backoff_s(tries, random.random()))  # noqa: S311 - jitter

    def close(self) -> None:
        """Close the connection and open no other."""
        self._closing.set()
        self._shut()

    async def _connection(self) -> AsyncGenerator[EngineEvent | Connected, None]:
        try:
            queue = await self._open()
            yield Connected()
            while True:
                async with contextlib.aclosing(self._notices(queue)) as notices:
                    async for notice in notices:
                        yield notice
                queue = await self._open()
        finally:
            self._shut()

    async def _open(self) -> EventQueue:
        opening = partial(_open, label=self._label, since=self._cursor.since)
        self._raw = await self._link.connect("events", opening, self._quiet_s)
        queue = EventQueue()
        parse = partial(_parse_event, cursor=self._cursor, translate=self._translate())
        self._link.spawn(partial(_read, self._raw, parse, queue, self._link.mask))
        return queue

    def _translate(self) -> Translate | None:
        if self._link.podman is None:
            return None
        from sidecar.engine import podman_answers  # noqa: PLC0415 - of Podman only

        self._translator = self._translator or podman_answers.EventTranslator()
        return self._translator

    async def _notices(
        self, queue: EventQueue
    ) -> AsyncGenerator[EngineEvent | Connected, None]:
        """One connection's notices; returns when it is quiet. ConnectionBroke."""
        while True:
            for item in await queue.take():
                if isinstance(item, _StreamEnded):
                    if item.quiet:
                        return
                    raise ConnectionBroke(item.reason)
                if isinstance(item, _UnknownEvent):
                    self._link.report("events", "refused", 0.0)
                else:
                    yield item

    def _shut(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            # If it ended by itself, the SDK fails on the missing connection.
            with contextlib.suppress(AttributeError, UnboundLocalError, OSError):
                raw.close()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()


def backoff_s(tries: int, chance: float) -> float:
    """Seconds before the next connection: 0.5 doubling to 10, up to half taken off
    by ``chance`` (0 to 1), so that many sidecars do not reconnect at once.
    """
    doublings = min(max(0, tries - 1), 10)
    return min(_BACKOFF_S * 2.0**doublings, _BACKOFF_MAX_S) * (1.0 - chance / 2.0)


def _open(client: Client, label: str, since: str) -> RawEvents:
    """Request events. The thread's deadline also bounds each wait for an event.

    The SDK's own call treats an engine's refusal as an open stream.
    """
    answer = client.get(
        client.url_of("/events"),
        params={"since": since, "filters": convert_filters(_filters(client, label))},
        stream=True,
    )
    if not answer.ok:
        with answer:
            raise_for_status(answer, client.mask)
    return CancellableStream(_lines(answer), answer)


def _filters(client: Client, label: str) -> dict[str, list[str]]:
    own_actions = OWN_ACTIONS if client.podman is not None else ()
    return {
        "type": ["container"],
        "label": [label],
        "event": [*WATCHED_ACTIONS, *own_actions],
    }


def _lines(answer: requests.Response) -> Iterator[bytes]:
    """The lines of the answer, one event each."""
    rest = b""
    with answer:
        while chunk := answer.raw.read1(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from filter(None, map(bytes.strip, lines))


def _read(raw: RawEvents, parse: Parse, queue: EventQueue, mask: Mask) -> None:
    """Read until the connection ends; in a thread of its own."""
    try:
        for line in raw:
            item = parse(line)
            if item is not None:
                queue.add(item)
        ended = _StreamEnded("the engine ended the event stream")
    except urllib3.exceptions.ReadTimeoutError:
        ended = _StreamEnded("nothing was said for a while", quiet=True)
    except Exception as error:  # noqa: BLE001 - the loop gets every error
        ended = _StreamEnded(str(engine_error(error, mask)))
    queue.add(ended)


def _parse_event(
    raw: bytes, cursor: StreamPosition, translate: Translate | None
) -> EngineEvent | _UnknownEvent | None:
    try:
        event = answers.read_event(raw)
    except msgspec.DecodeError:
        return _UnknownEvent()
    if not cursor.is_new(event.time_nano, event.actor.id, event.action):
        return None
    translated = event if translate is None else translate(event)
    return answers.read_engine_event(translated) if translated is not None else None
