"""A small container engine: real sockets, fixed answers, faults on demand."""

import contextlib
import gzip
import io
import json
import queue
import socket
import socketserver
import ssl
import tarfile
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

API_VERSION = "1.45"
LONG_S = 20.0
PLAIN_MEMORY = {"usage": 50, "limit": 100}


def raw_container(
    container_id: str, *, stack: str = "demo", service: str = "wallet", **state: object
) -> dict[str, Any]:
    """The parts of an inspect's answer that matter, as the engine writes them."""
    return {
        "Id": container_id,
        "Name": f"/{stack}-{service}-1",
        "RestartCount": 0,
        "State": {
            "Status": "running",
            "OOMKilled": False,
            "Pid": 100,
            "ExitCode": 0,
            "StartedAt": "2026-01-02T03:04:05.123456789Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
        }
        | state,
        "HostConfig": {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
        "Config": {
            "Tty": False,
            "Labels": {
                "com.docker.compose.project": stack,
                "com.docker.compose.service": service,
                "com.docker.compose.container-number": "1",
            },
        },
        "NetworkSettings": {"Networks": {f"{stack}_default": {}}},
    }


def _entry(raw: dict[str, Any]) -> dict[str, Any]:
    """An entry of the list; ``Listed`` of a container has further parts."""
    labels = raw["Config"]["Labels"]
    image = raw.get("Image", "")
    return {
        "Id": raw["Id"],
        "Names": [raw["Name"]],
        "Labels": labels,
        "ImageID": image,
        **raw.get("Listed", {}),
    }


def raw_event(
    action: str, container_id: str, time_nano: int, **attributes: str
) -> dict[str, Any]:
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": container_id, "Attributes": attributes},
        "time": time_nano // 10**9,
        "timeNano": time_nano,
    }


def frame_output(text: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


def make_archive(path: str, data: bytes, **changes: object) -> bytes:
    """The engine's archive of one file; ``changes`` are fields of its entry."""
    entry = tarfile.TarInfo(path.rpartition("/")[2])
    entry.size, entry.uid, entry.gid, entry.mode = len(data), 1000, 1000, 0o600
    for name, value in changes.items():
        setattr(entry, name, value)
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(data))
    return body.getvalue()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    engine: "EngineServer"

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class _UnixServer(_Server):
    address_family = socket.AF_UNIX


class EngineServer:
    """Listens from ``start`` to ``stop``, repeatedly.

    ``requests`` holds "METHOD /path?query" without the version. The faults are
    keyed by the end of a path: ``hang`` (no answer), ``drop`` (so many times the
    connection is closed after the request was read), ``drip`` (a body without
    end), ``say`` (status and body instead of the right answer; a redirect's body is its
    address), ``say_first`` (such answers one after the other, then the right one),
    ``meet`` (no answer until so many have been asked for it at once).
    """

    def __init__(
        self, where: Path | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.images: dict[str, dict[str, Any]] = {}
        self.memory: Callable[[str], dict[str, Any]] = lambda _: PLAIN_MEMORY
        """The memory statistics of a container, by its id."""
        self.requests: list[str] = []
        self.hang: set[str] = set()
        self.drip: set[str] = set()
        self.drop: dict[str, int] = defaultdict(int)
        self.say: dict[str, tuple[int, bytes]] = {}
        self.say_first: dict[str, list[tuple[int, bytes]]] = {}
        self.meet: dict[str, threading.Barrier] = {}
        self.log = b""
        self.files: dict[str, bytes] = {}
        """Files of all containers by path; a path ``*.tar`` has the archive itself."""
        self.refuses: Callable[[str, str], bool] = lambda _method, _target: False
        """Does a filter before the engine refuse this request (403)?"""
        self.exec_output = b""
        self.exec_code: int | None = 0
        self.on_act: Callable[[dict[str, Any], str], None] = lambda *_: None
        """Called with a container and its order, ``start`` or ``restart``."""
        self.past_events: list[dict[str, Any]] = []
        self.streams_opened = 0
        self._tls = tls
        self._where: Any = str(where) if where else ("127.0.0.1", 0)
        self._server: _Server | None = None
        self._connections: set[socket.socket] = set()
        self._streams: list[queue.Queue[object]] = []
        self._log_streams: list[queue.Queue[object]] = []
        self._released = threading.Event()

    @property
    def port(self) -> int:
        return int(self._where[1])

    def add(self, raw: dict[str, Any]) -> str:
        container_id = str(raw["Id"])
        self.containers[container_id] = raw
        return container_id

    def start(self) -> None:
        self._released.clear()
        kind = _UnixServer if isinstance(self._where, str) else _Server
        self._server = kind(self._where, _Handler)
        self._server.engine = self
        if kind is _Server:
            self._where = self._server.server_address[:2]
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        ).start()

    def stop(self) -> None:
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        if isinstance(self._where, str):
            Path(self._where).unlink()
        self._released.set()
        self.break_streams()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def acts(self) -> list[str]:
        return [request for request in self.requests if request.startswith("POST")]

    def count_requests(self, path_end: str) -> int:
        return sum(
            1 for r in self.requests if urlsplit(r.split()[1]).path.endswith(path_end)
        )

    def event_queries(self) -> list[dict[str, list[str]]]:
        urls = (urlsplit(request.split()[1]) for request in self.requests)
        return [parse_qs(url.query) for url in urls if url.path == "/events"]

    def publish(self, *events: object) -> None:
        for event in events:
            for stream in tuple(self._streams):
                stream.put(event)

    def write_log(self, *chunks: object) -> None:
        """Send to all who follow a log; None ends it, and anything else breaks it."""
        for stream in tuple(self._log_streams):
            for chunk in chunks:
                stream.put(chunk)

    def break_streams(self) -> None:
        for stream in tuple(self._streams):
            stream.put(None)
        self.write_log(None)

    def log_queries(self) -> list[dict[str, list[str]]]:
        urls = (urlsplit(request.split()[1]) for request in self.requests)
        return [parse_qs(url.query) for url in urls if url.path.endswith("/logs")]

    # What follows runs in the threads of the connections.

    def wrap_connection(self, connection: socket.socket) -> socket.socket:
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        self._connections.add(connection)
        return connection

    def forget(self, connection: socket.socket) -> None:
        self._connections.discard(connection)

    def wait_for_release(self) -> None:
        self._released.wait(LONG_S)

    def open_stream(self) -> "queue.Queue[object]":
        stream: queue.Queue[object] = queue.Queue()
        self._streams.append(stream)
        self.streams_opened += 1
        return stream

    def close_stream(self, stream: "queue.Queue[object]") -> None:
        self._streams.remove(stream)

    def open_log_stream(self) -> "queue.Queue[object]":
        stream: queue.Queue[object] = queue.Queue()
        self._log_streams.append(stream)
        return stream

    def close_log_stream(self, stream: "queue.Queue[object]") -> None:
        self._log_streams.remove(stream)

    @property
    def followers(self) -> int:
        """Number of connections that follow a log now."""
        return len(self._log_streams)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def engine(self) -> EngineServer:
        return self.server.engine

    @override
    def setup(self) -> None:
        self.request = self.engine.wrap_connection(self.request)
        super().setup()

    @override
    def finish(self) -> None:
        self.engine.forget(self.request)
        with contextlib.suppress(OSError):
            super().finish()
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)
        self.request.close()

    @override
    def log_message(self, *args: object) -> None:
        """Silence."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _remove(self, path: str) -> None:
        self.engine.containers.pop(path.rpartition("/")[2], None)
        self._send(204, b"")

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path.removeprefix(f"/v{API_VERSION}"))
        self.engine.requests.append(f"{self.command} {url.geturl()}")
        for end, barrier in self.engine.meet.items():
            if url.path.endswith(end):
                barrier.wait(timeout=60.0)
        if self.engine.refuses(self.command, self.path):
            self._json({"message": "not on the list"}, 403)
            return
        if self._inject_fault(url.path):
            return
        query = parse_qs(url.query)
        if self.command == "DELETE":
            self._remove(url.path)
        elif url.path.endswith("/archive"):
            self._archive(query["path"][0])
        else:
            self._answer(url.path, query)

    def _inject_fault(self, path: str) -> bool:
        if any(path.endswith(end) for end in self.engine.hang):
            self.engine.wait_for_release()
            self.close_connection = True
            return True
        for end, times in self.engine.drop.items():
            if times and path.endswith(end):
                self.engine.drop[end] -= 1
                self.close_connection = True
                return True
        wrong = self._wrong_answer(path)
        if wrong is not None:
            self._send(*wrong)
            return True
        if any(path.endswith(end) for end in self.engine.drip):
            self._drip()
            return True
        return False

    def _wrong_answer(self, path: str) -> tuple[int, bytes] | None:
        for end, answers in self.engine.say_first.items():
            if answers and path.endswith(end):
                return answers.pop(0)
        answers_by_end = self.engine.say.items()
        return next(
            (answer for end, answer in answers_by_end if path.endswith(end)), None
        )

    def _answer(self, path: str, query: dict[str, list[str]]) -> None:
        parts = path.strip("/").split("/")
        match parts:
            case ["images", image_id, "json"]:
                self._image(image_id)
            case ["version"]:
                self._json({"ApiVersion": API_VERSION})
            case ["events"]:
                self._events(float(query["since"][0]))
            case ["containers", "json"]:
                self._json([_entry(c) for c in self.engine.containers.values()])
            case ["containers", container_id, verb]:
                self._container(container_id, verb, query)
            case ["exec", _, "start"]:
                self._until_closed(self.engine.exec_output)
            case ["exec", _, "json"]:
                code = self.engine.exec_code
                self._json({"Running": code is None, "ExitCode": code})
            case _:
                self._json({"message": "page not found"}, 404)

    def _image(self, image_id: str) -> None:
        raw = self.engine.images.get(image_id)
        missing = {"message": f"No such image: {image_id}"}
        self._json(raw or missing, 200 if raw else 404)

    def _archive(self, path: str) -> None:
        data = self.engine.files.get(path)
        if data is None:
            message = f"Could not find the file {path} in container c1"
            self._json({"message": message}, 404)
            return
        body = data if path.endswith(".tar") else make_archive(path, data)
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-tar")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Docker-Container-Path-Stat", str(zlib.crc32(data)))
        self.end_headers()
        self.wfile.write(body)

    def _container(
        self, container_id: str, verb: str, query: dict[str, list[str]]
    ) -> None:
        named = (
            c
            for c in self.engine.containers.values()
            if container_id in {c["Id"], str(c["Name"]).removeprefix("/")}
        )
        raw = next(named, None)
        if raw is None:
            self._json({"message": f"No such container: {container_id}"}, 404)
            return
        match verb:
            case "json":
                self._json(raw)
            case "start" | "restart":
                self.engine.on_act(raw, verb)
                self._send(304 if verb == "start" else 204, b"")
            case "exec":
                self._json({"Id": "e1"}, 201)
            case "logs":
                self._logs(query)
            case "top":
                self._json(
                    {
                        "Titles": ["PID", "PPID", "STAT", "COMMAND"],
                        "Processes": [["100", "1", "Tsl", "python3 daemon"]],
                    }
                )
            case "stats":
                self._json({"memory_stats": self.engine.memory(container_id)})
            case _:
                self._json({"message": "page not found"}, 404)

    def _events(self, since: float) -> None:
        stream = self.engine.open_stream()
        try:
            self._head("application/json", chunked=True)
            for event in self.engine.past_events:
                if event["timeNano"] >= int(since * 1e9) - 1000:
                    self._chunk(json.dumps(event).encode() + b"\n")
            while (new := stream.get(timeout=LONG_S)) is not None:
                self._chunk(json.dumps(new).encode() + b"\n")
        finally:
            self.engine.close_stream(stream)
            self.close_connection = True

    def _logs(self, query: dict[str, list[str]]) -> None:
        if "follow" not in query:
            self._send_chunks([self.engine.log])
            return
        stream = self.engine.open_log_stream()
        try:
            self._head("application/vnd.docker.multiplexed-stream", chunked=True)
            self._chunk(self.engine.log)
            while isinstance(new := stream.get(timeout=LONG_S), bytes):
                self._chunk(new)
            self.wfile.write(b"0\r\n\r\n" if new is None else b"7\r\nbro")
        finally:
            self.engine.close_log_stream(stream)
            self.close_connection = True

    def _drip(self) -> None:
        self._head("application/json", chunked=True)
        end = time.monotonic() + LONG_S
        while time.monotonic() < end:
            self._chunk(b" ")
            time.sleep(0.02)

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status == HTTPStatus.TEMPORARY_REDIRECT:
            self.send_header("Location", body.decode())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _until_closed(self, body: bytes) -> None:
        """Head and body in one packet, as an engine sends what a quick command says."""
        wire, packet = self.wfile, io.BytesIO()
        self.wfile = packet
        self._head("application/vnd.docker.multiplexed-stream", chunked=False)
        self.wfile = wire
        self.wfile.write(packet.getvalue() + body)
        self.close_connection = True
        if self.engine.exec_code is None:
            self.engine.wait_for_release()

    def _send_chunks(self, chunks: list[bytes]) -> None:
        self._head("application/vnd.docker.raw-stream", chunked=True)
        for chunk in chunks:
            self._chunk(chunk)
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, content_type: str, *, chunked: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()

    def _chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
