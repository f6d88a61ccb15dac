"""A proxy before the real engine. It allows the calls of the list and no others; it
records every request, and can delay, replace or alter answers.
"""

import contextlib
import http.client
import json
import math
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from sidecar.engine.calls import name_call
from sidecar.engine.features import Feature
from tests.support.engine_calls import filter_rules

ENGINE = Path("/var/run/docker.sock")
CHUNK = 65536
REFUSAL = b'{"message": "not on the list"}'
_READING = frozenset({"GET", "HEAD"})


class EngineRequest(NamedTuple):
    """One request; ``path`` is without the API's version and with its query."""

    at: float
    method: str
    path: str

    @property
    def verb(self) -> str:
        """The last part of the path: restart, start, exec, ..."""
        return self.path.partition("?")[0].rsplit("/", 1)[-1]

    @property
    def changes_something(self) -> bool:
        """Whether the request can change something."""
        return self.method not in _READING


class _ReplyRule(NamedTuple):
    """A reply, instead of the engine's, to requests that match."""

    method: str
    path: re.Pattern[str]
    reply: Callable[[bytes], bytes]


class DockerProxy:
    """A unix socket that passes on to the engine.

    Mount its ``folder``, not the socket: after ``shut`` and ``reopen`` the socket
    is another file of the same name.
    """

    def __init__(self, folder: Path, engine: Path = ENGINE) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        self.folder = folder
        self.path = folder / "docker.sock"
        self.group = engine.stat().st_gid
        self.lag_s = 0.0
        """Seconds by which every answer is delayed from now on."""
        self._engine = engine
        self._requests: list[EngineRequest] = []
        self._kept_back: dict[str, float] = {}
        self._reads_end_with: str | None = None
        self._answers_reads = True
        self._rules: list[_ReplyRule] = []
        self._lines = filter_rules()
        self._judging = threading.Lock()
        self._refused: list[EngineRequest] = []
        self._links: set[_ProxyConnection] = set()
        self._listener: socket.socket | None = None
        self.reopen()

    @property
    def requests(self) -> tuple[EngineRequest, ...]:
        """All requests so far, oldest first."""
        return tuple(self._requests)

    @property
    def refused_requests(self) -> tuple[EngineRequest, ...]:
        """Requests for which the filter has no line, oldest first."""
        return tuple(self._refused)

    @property
    def unlisted_requests(self) -> tuple[EngineRequest, ...]:
        """Refused requests that are on no list at all."""
        return tuple(
            request
            for request in self._refused
            if not name_call(request.method, request.path)
        )

    @property
    def connection_count(self) -> int:
        """Number of open connections of clients."""
        return len(self._links)

    def limit_to(self, features: Collection[Feature]) -> None:
        """Allow only the calls of these features from now on."""
        lines = tuple(line for line in filter_rules() if line.call.feature in features)
        with self._judging:
            self._lines = lines

    @property
    def posts(self) -> tuple[EngineRequest, ...]:
        """Requests that can change something, oldest first."""
        return tuple(request for request in self._requests if request.changes_something)

    def keep_back(
        self, verb: str, seconds: float = math.inf, *, reads_too: bool = False
    ) -> None:
        """Delay the next answer to a POST of this verb; infinity: no answer.

        The engine executes the request all the same. ``reads_too``: from then on no
        GET is answered either, until ``answer_reads``, so that what was done is unseen.
        """
        self._kept_back[verb] = seconds
        if reads_too:
            self._reads_end_with = verb

    def answer_reads(self) -> None:
        """Answer new GETs again after ``keep_back``."""
        self._reads_end_with, self._answers_reads = None, True

    def answer(
        self,
        method: str,
        path: str,
        status: int,
        body: str = "<html><body><h1>no</h1></body></html>",
        *,
        after_s: float = 0.0,
        forward: bool = False,
    ) -> None:
        """Answer requests whose path matches ``path`` from now on.

        ``forward``: the engine executes the request, too; its answer is dropped.
        """

        def reply(request: bytes) -> bytes:
            if forward:
                threading.Thread(
                    target=self._ask_engine, args=(request,), daemon=True
                ).start()
            time.sleep(after_s)
            kind = "text/html" if body.startswith("<") else "application/json"
            return _write_response(status, kind, body.encode())

        self._rules.append(_ReplyRule(method, re.compile(path), reply))

    def alter(self, path: str, change: Callable[[Any], object]) -> None:
        """Alter the engine's JSON answers to matching GETs; ``change`` returns them."""

        def reply(request: bytes) -> bytes:
            status, body = self._ask_engine(request)
            if status < http.client.BAD_REQUEST:
                body = json.dumps(change(json.loads(body))).encode()
            return _write_response(status, "application/json", body)

        self._rules.append(_ReplyRule("GET", re.compile(path), reply))

    def pass_all(self) -> None:
        """Remove all replies and alterations."""
        self._rules.clear()

    def reply_to(self, method: str, target: str, request: bytes) -> bytes | None:
        """The proxy's own reply; None: the engine answers."""
        path = _without_version(target)
        if not self._allows(method, target):
            return _write_response(403, "application/json", REFUSAL)
        for rule in self._rules:
            if rule.method == method and rule.path.search(path):
                return rule.reply(request)
        return None

    def _allows(self, method: str, target: str) -> bool:
        # Refused by earlier lines means recorded before the lines change.
        with self._judging:
            is_allowed = any(line.allows(method, target) for line in self._lines)
            if not is_allowed:
                path = _without_version(target)
                self._refused.append(EngineRequest(time.time(), method, path))
            return is_allowed

    def _ask_engine(self, request: bytes) -> tuple[int, bytes]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.connect(str(self._engine))
            engine.sendall(request)
            answer = http.client.HTTPResponse(engine)
            answer.begin()
            return answer.status, answer.read()

    def shut(self) -> None:
        """Close all connections and accept none, as if the engine were gone."""
        listener, self._listener = self._listener, None
        self.path.unlink(missing_ok=True)
        if listener is not None:
            # Wakes the thread in accept; closing alone would not.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for link in tuple(self._links):
            link.cut()

    def reopen(self) -> None:
        """Accept connections again."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        shutil.chown(self.path, group=self.group)
        self.path.chmod(0o660)
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Shut for good."""
        self.shut()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._link(listener.accept()[0], listener)

    def _link(self, client: socket.socket, listener: socket.socket) -> None:
        engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            engine.connect(str(self._engine))
        except OSError:
            engine.close()
            client.close()
            return
        link = _ProxyConnection(self, client, engine)
        self._links.add(link)
        link.start()
        if self._listener is not listener:  # shut meanwhile
            link.cut()

    def note(self, method: str, path: str) -> float:
        """Record a request; returns the seconds by which its answer is delayed."""
        request = EngineRequest(time.time(), method, path)
        self._requests.append(request)
        if not request.changes_something:
            return self.lag_s if self._answers_reads else math.inf
        if request.verb == self._reads_end_with:
            self._answers_reads = False
        return self._kept_back.pop(request.verb, self.lag_s)

    def forget(self, link: "_ProxyConnection") -> None:
        """Remove a connection that ended."""
        self._links.discard(link)


class _ProxyConnection:
    """A client's connection and its counterpart to the engine."""

    def __init__(
        self, proxy: DockerProxy, client: socket.socket, engine: socket.socket
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._engine = engine
        self._keep_back_s = 0.0
        self._cut = threading.Event()

    def start(self) -> None:
        """Pass on both ways until one end closes."""
        for work in (self._pass_requests, self._pass_answers):
            threading.Thread(target=work, daemon=True).start()

    def cut(self) -> None:
        """End both connections at once."""
        self._cut.set()
        for end in (self._client, self._engine):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass_requests(self) -> None:
        with contextlib.suppress(OSError), self._client.makefile("rb") as stream:
            while self._pass_request(stream):
                pass
            self._engine.shutdown(socket.SHUT_WR)

    def _pass_request(self, stream: BinaryIO) -> bool:
        first = stream.readline()
        if not first:
            return False
        method, path, _ = first.decode("ascii").split(" ")
        head, length, upgrade = _headers(stream)
        self._keep_back_s = self._proxy.note(method, _without_version(path))
        request = first + head + stream.read(length)
        own_reply = self._proxy.reply_to(method, path, request)
        if own_reply is not None:
            self._client.sendall(own_reply)
            return True
        self._engine.sendall(request)
        if upgrade:
            self._pass_raw()
        return not upgrade

    def _pass_raw(self) -> None:
        while data := self._client.recv(CHUNK):
            self._engine.sendall(data)

    def _pass_answers(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._engine.recv(CHUNK):
                if self._keep_back_s:
                    self._cut.wait(min(self._keep_back_s, 3600.0))
                    self._keep_back_s = 0.0
                self._client.sendall(data)
        self.cut()
        self._client.close()
        self._engine.close()
        self._proxy.forget(self)


def _write_response(status: int, kind: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} {http.client.responses[status]}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "",
        "",
    )
    return "\r\n".join(head).encode() + body


def _headers(stream: BinaryIO) -> tuple[bytes, int, bool]:
    """The header lines, the length of the body, whether raw bytes follow."""
    lines, length, upgrade = [], 0, False
    while True:
        line = stream.readline()
        lines.append(line)
        name, _, value = line.decode("latin-1").strip().lower().partition(":")
        if name == "content-length":
            length = int(value)
        elif name == "transfer-encoding":
            raise AssertionError("the proxy passes on no chunked bodies")
        elif name == "upgrade":
            upgrade = True
        if line in {b"\r\n", b""}:
            return b"".join(lines), length, upgrade


def _without_version(path: str) -> str:
    version, _, rest = path.removeprefix("/").partition("/")
    return f"/{rest}" if version.startswith("v1.") else path


def make_socket_folder(prefix: str, root: str = "/tmp") -> Path:
    """A new short path (a socket's name has 108 bytes) that any user can enter."""
    folder = Path(root) / f"{prefix}-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    return folder
