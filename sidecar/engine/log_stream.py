"""A container's log as it is written: one connection, read in a thread."""

import contextlib
import threading
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import partial

import requests
import urllib3
from docker.types import CancellableStream

from sidecar.core.model.log_mark import LogLine
from sidecar.core.ports.engine import LogReader
from sidecar.engine import answers
from sidecar.engine.client import Client
from sidecar.engine.connection import EngineConnection
from sidecar.engine.containers import ContainerOwner
from sidecar.engine.errors import Mask, engine_error, raise_for_status
from sidecar.engine.log_lines import read_lines

QUIET_S = 600.0
"""A log silent for so long is opened again: the connection may be dead."""
OPEN_S = 10.0
CPU_SHARE = 0.08
"""Part of a core that all readers of logs may use together."""
CPU_BURST_S = 0.3
_CPU_SLICE_S = 0.02
"""CPU that is used without a pause: many short pauses cost CPU themselves."""
_CHUNK = 64 * 1024
_CLOCK_EXACT_S = 2.0
"""The engine's answer gives its clock in whole seconds."""


class CpuBudget:
    """Limits the CPU of threads to a part of a core; a burst is allowed."""

    def __init__(self, share: float = CPU_SHARE, burst_s: float = CPU_BURST_S) -> None:
        self._share = share
        self._burst_s = burst_s
        self._left_s = burst_s
        self._at_mono = time.monotonic()
        self._lock = threading.Lock()

    def spend(self, cpu_s: float) -> float:
        """Seconds that a thread that used ``cpu_s`` has to wait now."""
        with self._lock:
            now = time.monotonic()
            gained_s = (now - self._at_mono) * self._share
            self._at_mono = now
            self._left_s = min(self._burst_s, self._left_s + gained_s) - cpu_s
            return -self._left_s / self._share if self._left_s < -_CPU_SLICE_S else 0.0


class LogStream:
    """One connection to the log of a container."""

    def __init__(
        self, link: EngineConnection, owner: ContainerOwner, budget: CpuBudget
    ) -> None:
        self._link = link
        self._owner = owner
        self._budget = budget
        self._closed = threading.Event()
        self._answer: requests.Response | None = None

    async def follow(self, since_nano: int, lines: int, reader: LogReader) -> None:
        """Pass lines to the reader until the log ends, or the reader has enough.

        EngineError where the log cannot be opened, or the connection broke.
        """
        opening = partial(_open, self._owner, since_nano, lines)
        answer = self._answer = await self._link.ask("logs", opening, OPEN_S)
        reader.on_open(clock_ahead_s(answer.headers.get("Date", ""), time.time()))
        reading = partial(self._read, answer, reader, self._link.mask)
        try:
            await self._link.spawn(reading)
        finally:
            self.close()

    def close(self) -> None:
        """End the connection; the thread ends soon."""
        self._closed.set()
        answer, self._answer = self._answer, None
        if answer is not None:
            # If it ended by itself, the SDK fails on the missing connection.
            with contextlib.suppress(AttributeError, UnboundLocalError, OSError):
                CancellableStream(iter(()), answer).close()

    def _read(self, answer: requests.Response, reader: LogReader, mask: Mask) -> None:
        """Read until the end; in a thread of its own. EngineError."""
        with answer:
            for line in self._lines(answer, mask):
                if not reader.take(line):
                    return

    def _lines(self, answer: requests.Response, mask: Mask) -> Iterator[LogLine]:
        """The lines until the log ends or is silent. EngineError."""
        chunks = self._chunks(answer)
        pieces = chunks if self._owner.tty else answers.remove_frames(chunks)
        try:
            yield from read_lines(pieces)
        except urllib3.exceptions.ReadTimeoutError:
            return
        except Exception as error:
            if self._closed.is_set():
                return
            raise engine_error(error, mask) from error

    def _chunks(self, answer: requests.Response) -> Iterator[bytes]:
        """The body in chunks, no faster than the CPU budget allows."""
        used_s = time.thread_time()
        while not self._closed.is_set():
            chunk = answer.raw.read1(_CHUNK)
            if not chunk:
                return
            yield chunk
            before_s, used_s = used_s, time.thread_time()
            wait_s = self._budget.spend(used_s - before_s)
            if wait_s > 0.0:
                self._closed.wait(wait_s)


class LogStreams:
    """The logs that are followed; all together use a small part of a core.

    A reader that is slower than the container gets the lines later and later.
    """

    def __init__(self, link: EngineConnection) -> None:
        self._link = link
        self._budget = CpuBudget()
        self._streams: set[LogStream] = set()

    async def follow(
        self, owner: ContainerOwner, since_nano: int, lines: int, reader: LogReader
    ) -> None:
        """Pass the lines of one log to the reader until it ends. EngineError."""
        stream = LogStream(self._link, owner, self._budget)
        self._streams.add(stream)
        try:
            await stream.follow(since_nano, lines, reader)
        finally:
            self._streams.discard(stream)

    def close(self) -> None:
        """End all connections."""
        for stream in tuple(self._streams):
            stream.close()


def _open(
    owner: ContainerOwner, since_nano: int, lines: int, client: Client
) -> requests.Response:
    seconds, nanoseconds = divmod(since_nano, 10**9)
    params: dict[str, str | int] = {
        "stdout": 1,
        "stderr": 1,
        "timestamps": 1,
        "follow": 1,
        "tail": lines,
        "since": f"{seconds}.{nanoseconds:09d}",
    }
    url = client.url_of(f"/containers/{owner.id}/logs")
    answer = client.get(url, params=params, stream=True)
    if not answer.ok:
        with answer:
            raise_for_status(answer, client.mask)
    connection = answer.raw.connection
    if connection is not None and connection.sock is not None:
        connection.sock.settimeout(QUIET_S)
    return answer


def clock_ahead_s(date: str, now_wall: float) -> float:
    """The engine's clock minus ours, from its answer's Date; 0.0: as good as equal."""
    try:
        ahead_s = parsedate_to_datetime(date).timestamp() + 0.5 - now_wall
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return ahead_s if abs(ahead_s) > _CLOCK_EXACT_S else 0.0
