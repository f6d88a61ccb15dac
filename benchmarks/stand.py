"""Many targets without many containers: an engine's API and the targets' servers.

A thousand real containers do not fit on the measuring machine. Their engine's API is
served here over a real unix socket; every container's inspect is a copy of a real one.
Probes, event stream and listings are real requests over real sockets.
"""

import asyncio
import copy
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

STACK = "bench"
API_VERSION = "1.45"
EVENT_EVERY_S = 1.0
UP = "Up 2 hours"

LOG_LINE = b"2026-01-02T03:04:05.678901234Z a line of the container's log\n"
LOG_LINES = 200

_JSON = b"Content-Type: application/json\r\n"
_OK = b"HTTP/1.1 200 OK\r\n" + _JSON
_BROKEN = b"HTTP/1.1 503 Service Unavailable\r\n" + _JSON


class Visit(NamedTuple):
    """One request to a target; seconds of the monotonic clock."""

    came: float
    answered: float


class Stand:
    """Serves ``count`` targets, and an engine that knows their containers."""

    def __init__(self, socket: Path, inspected: dict[str, Any], count: int) -> None:
        self.socket = socket
        self.names = tuple(f"target-{number:04d}" for number in range(count))
        self.port = 0
        self.visits: dict[str, list[Visit]] = {name: [] for name in self.names}
        self.broken: set[str] = set()
        """Targets that answer 503 until they are restarted."""
        self.fail_once: set[str] = set()
        """Targets that answer 503 to the next request."""
        self._inspects: dict[str, bytes] = {}
        self._entries: dict[str, bytes] = {}
        for name in self.names:
            self._keep(_inspect(inspected, name))
        self._loop = asyncio.new_event_loop()

    def label(self, names: Iterable[str], labels: Mapping[str, str]) -> None:
        """Add labels to these targets' containers."""
        for name in names:
            own = json.loads(self._inspects[_id(name)])
            own["Config"]["Labels"] |= labels
            self._keep(own)

    def forget_visits(self) -> None:
        """Remove all recorded visits."""
        for visits in self.visits.values():
            visits.clear()

    @contextmanager
    def serve(self) -> Iterator[None]:
        """Serve, in a thread of its own."""
        ready = threading.Event()
        stop = asyncio.Event()
        thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(ready, stop),)
        )
        thread.start()
        try:
            if not ready.wait(10.0):
                raise TimeoutError("the stand did not come up")
            yield
        finally:
            self._loop.call_soon_threadsafe(stop.set)
            thread.join()
            self._loop.close()

    async def _serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        targets = await loop.create_server(lambda: _Target(self), "127.0.0.1", 0)
        engine = await asyncio.start_unix_server(self._engine, self.socket)
        self.port = targets.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        targets.close()
        engine.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _engine(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve all requests of one connection to the engine."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, target, _ = head.split(b" ", 2)
                path = urlsplit(target.decode()).path
                if path.endswith("/events"):
                    await _tell_events(writer, tuple(self._inspects))
                body = self._answer(
                    method.decode(), path.removeprefix(f"/v{API_VERSION}")
                )
                writer.write(b"%sContent-Length: %d\r\n\r\n" % (_OK, len(body)) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str) -> bytes:
        if path.endswith("/version"):
            return json.dumps({"ApiVersion": API_VERSION}).encode()
        if path == "/containers/json":
            return b"[" + b",".join(self._entries.values()) + b"]"
        _, _, container_id, asked = path.split("/")
        if method == "POST":
            self._restart(container_id)
        return _ASKED.get(asked, self._inspects[container_id])

    def _keep(self, own: dict[str, Any], status: str = UP) -> None:
        self._inspects[own["Id"]] = json.dumps(own).encode()
        self._entries[own["Id"]] = json.dumps(_entry(own, status)).encode()

    def _restart(self, container_id: str) -> None:
        """Restart at once; the target works afterwards."""
        own = json.loads(self._inspects[container_id])
        now = datetime.now(UTC).replace(tzinfo=None).isoformat()
        own["State"]["StartedAt"] = f"{now}Z"
        self._keep(own, "Up 1 second")
        self.broken.discard(own["Config"]["Labels"]["com.docker.compose.service"])


_ASKED = {
    "logs": b"\x01\0\0\0"
    + (LOG_LINES * len(LOG_LINE)).to_bytes(4, "big")
    + LOG_LINES * LOG_LINE,
    "top": json.dumps(
        {
            "Titles": ["PID", "PPID", "STAT", "COMMAND"],
            "Processes": [[str(n), "1", "S", "python3 -m service"] for n in range(10)],
        }
    ).encode(),
    "stats": json.dumps(
        {
            "memory_stats": {"usage": 123_456_789, "limit": 1_073_741_824},
            "pids_stats": {"current": 12},
            "cpu_stats": {"cpu_usage": {"total_usage": 12_345_678_901}},
        }
    ).encode(),
}
"""Answers to the requests that a remedy makes for its evidence."""


class _Target(asyncio.Protocol):
    """Answers one request and lets the client close."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[explicit-override]
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override]
        came = time.monotonic()
        assert self._transport is not None
        name = data.split(b" ", 2)[1].decode().removeprefix("/")
        stand = self._stand
        failing = name in stand.broken or name in stand.fail_once
        stand.fail_once.discard(name)
        head = _BROKEN if failing else _OK
        self._transport.write(head + b"Content-Length: 15\r\n\r\n" + b'{"status":"ok"}')
        self._stand.visits[name].append(Visit(came, time.monotonic()))


async def _tell_events(writer: asyncio.StreamWriter, ids: tuple[str, ...]) -> None:
    """Send one health event a second, for one container after the other."""
    writer.write(_OK + b"Transfer-Encoding: chunked\r\n\r\n")
    number = 0
    while True:
        await asyncio.sleep(EVENT_EVERY_S)
        line = _health_event(ids[number % len(ids)])
        writer.write(b"%x\r\n%s\r\n" % (len(line), line))
        await writer.drain()
        number += 1


def _health_event(container_id: str) -> bytes:
    now = time.time_ns()
    event = {
        "Type": "container",
        "Action": "health_status: healthy",
        "Actor": {"ID": container_id, "Attributes": {}},
        "time": now // 10**9,
        "timeNano": now,
    }
    return json.dumps(event).encode() + b"\n"


def _id(name: str) -> str:
    return name.encode().hex().ljust(64, "0")


def _entry(own: dict[str, Any], status: str) -> dict[str, Any]:
    """A container's entry in the list, as the engine writes it."""
    return {
        "Id": own["Id"],
        "Names": [own["Name"]],
        "Image": own["Config"]["Image"],
        "ImageID": own["Image"],
        "Command": " ".join([own["Path"], *own["Args"]]),
        "Created": 1_767_323_045,
        "Ports": [],
        "Labels": own["Config"]["Labels"],
        "State": "running",
        "Status": status,
        "HostConfig": {"NetworkMode": own["HostConfig"]["NetworkMode"]},
        "NetworkSettings": {"Networks": own["NetworkSettings"]["Networks"]},
        "Mounts": [],
    }


def _inspect(inspected: dict[str, Any], name: str) -> dict[str, Any]:
    """The inspect of one container, changed to another."""
    own = copy.deepcopy(inspected)
    own["Id"], own["Name"] = _id(name), f"/{STACK}-{name}-1"
    own["State"] |= {
        "Status": "running",
        "Running": True,
        "Pid": 4242,
        "StartedAt": "2026-01-02T03:04:05.123456789Z",
    }
    own["Config"]["Labels"] = {
        "com.docker.compose.project": STACK,
        "com.docker.compose.image": own["Image"],
        "com.docker.compose.service": name,
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
    }
    return own
