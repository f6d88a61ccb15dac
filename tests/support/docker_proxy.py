"""A door before the real engine: it notes every request and can keep back answers,
answer as a proxy or a filter would, or alter what the engine says.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

ENGINE = Path("/var/run/docker.sock")
CHUNK = 65536
_READING = frozenset({"GET", "HEAD"})


class Asked(NamedTuple):
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
        """Is it more than a question?"""
        return self.method not in _READING


class _Rule(NamedTuple):
    """What is answered, instead of the engine, to requests of this kind."""

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
        """By how much every answer is late from now on."""
        self._engine = engine
        self._asked: list[Asked] = []
        self._kept_back: dict[str, float] = {}
        self._rules: list[_Rule] = []
        self._links: set[_Link] = set()
        self._listener: socket.socket | None = None
        self.reopen()

    @property
    def requests(self) -> tuple[Asked, ...]:
        """All requests so far, oldest first."""
        return tuple(self._asked)

    @property
    def posts(self) -> tuple[Asked, ...]:
        """The requests that can change something."""
        return tuple(asked for asked in self._asked if asked.changes_something)

    def keep_back(self, verb: str, seconds: float = float("inf")) -> None:
        """The next answer to a POST of this verb comes later, or never.

        The engine carries the request out all the same.
        """
        self._kept_back[verb] = seconds

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
        """Answer requests so, from now on; ``path`` is a pattern found in theirs.

        ``forward``: the engine is asked all the same, and nobody hears its answer.
        """

        def reply(request: bytes) -> bytes:
            if forward:
                threading.Thread(
                    target=self._asked_engine, args=(request,), daemon=True
                ).start()
            time.sleep(after_s)
            kind = "text/html" if body.startswith("<") else "application/json"
            return _written(status, kind, body.encode())

        self._rules.append(_Rule(method, re.compile(path), reply))

    def alter(self, path: str, change: Callable[[Any], object]) -> None:
        """Change the engine's JSON to GETs of this kind: ``change`` returns it."""

        def reply(request: bytes) -> bytes:
            status, body = self._asked_engine(request)
            if status < http.client.BAD_REQUEST:
                body = json.dumps(change(json.loads(body))).encode()
            return _written(status, "application/json", body)

        self._rules.append(_Rule("GET", re.compile(path), reply))

    def pass_all(self) -> None:
        """No answer of our own any more."""
        self._rules.clear()

    def reply_to(self, method: str, path: str, request: bytes) -> bytes | None:
        """Our own answer; None: the engine is to answer."""
        for rule in self._rules:
            if rule.method == method and rule.path.search(path):
                return rule.reply(request)
        return None

    def _asked_engine(self, request: bytes) -> tuple[int, bytes]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.connect(str(self._engine))
            engine.sendall(request)
            answer = http.client.HTTPResponse(engine)
            answer.begin()
            return answer.status, answer.read()

    def shut(self) -> None:
        """The engine is gone: no connection survives and none is accepted."""
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
        """The engine is back."""
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
                self._link(listener.accept()[0])

    def _link(self, client: socket.socket) -> None:
        engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            engine.connect(str(self._engine))
        except OSError:
            engine.close()
            client.close()
            return
        link = _Link(self, client, engine)
        self._links.add(link)
        link.start()

    def note(self, method: str, path: str) -> float:
        """Write a request down; how long to keep its answer back."""
        asked = Asked(time.time(), method, path)
        self._asked.append(asked)
        if not asked.changes_something:
            return self.lag_s
        return self._kept_back.pop(asked.verb, self.lag_s)

    def forget(self, link: "_Link") -> None:
        """A connection ended."""
        self._links.discard(link)


class _Link:
    """One connection of a client and its counterpart to the engine."""

    def __init__(
        self, gate: DockerProxy, client: socket.socket, engine: socket.socket
    ) -> None:
        self._gate = gate
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
        self._keep_back_s = self._gate.note(method, _without_version(path))
        request = first + head + stream.read(length)
        own = self._gate.reply_to(method, _without_version(path), request)
        if own is not None:
            self._client.sendall(own)
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
        self._gate.forget(self)


def _written(status: int, kind: str, body: bytes) -> bytes:
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
            raise AssertionError("the gate passes on no chunked bodies")
        elif name == "upgrade":
            upgrade = True
        if line in {b"\r\n", b""}:
            return b"".join(lines), length, upgrade


def _without_version(path: str) -> str:
    version, _, rest = path.removeprefix("/").partition("/")
    return f"/{rest}" if version.startswith("v1.") else path


def own_folder(prefix: str, root: str = "/tmp") -> Path:
    """A new short path (a socket's name has 108 bytes) that any user can enter."""
    folder = Path(root) / f"{prefix}-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    return folder
