"""The control socket: a Unix socket in the state directory.

Only processes of Sidecar's user and of root can connect, and they need no token: they
can read and write the state directory anyway. The socket serves the same application as
the port.
"""

import asyncio
import os
import socket
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from loguru import logger

from sidecar.core.ports.control_socket import SOCKET_NAME
from sidecar.web.connection import SOCKET_BUFFER_BYTES, Connection
from sidecar.web.connection_limits import ConnectionLimits, Limits

MODE = 0o600
LIMITS = Limits(
    waiting=32,
    waiting_of_a_peer=32,
    inside=16,
    inside_of_a_peer=16,
    heads_bytes=256 * 1024,
)
"""Limits of its own: connections to the port cannot displace those to the socket."""

WAITING_CONNECTIONS = 16
"""Backlog of the kernel: connections that are not accepted yet."""

CONNECT_S = 1.0
REFUSED_S = 1.0
_CREDENTIALS = struct.Struct("3i")
_BODY = b'{"error":"the control socket is for the user of the sidecar and for root"}'
_REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\n"
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_BODY), _BODY)
)


class PathTaken(OSError):
    """Something else is at the path of the socket; it is left as it is."""


class ControlSocket:
    """Listens in ``state_dir``. Without it Sidecar works on, and the log says why."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / SOCKET_NAME
        self._connection_limits = ConnectionLimits(LIMITS)
        self._listener: asyncio.Server | None = None
        self._identity = (0, 0)

    async def start(self, make_inner: Callable[[], asyncio.Protocol]) -> None:
        """Listen; never raises OSError."""
        try:
            listening = await asyncio.to_thread(self._bind)
        except OSError as error:
            logger.warning(
                "there is no control socket: {} ({}). Commands beside this process "
                "that change something need the API token until its next start",
                self._path,
                error.strerror or error,
            )
            return
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_unix_server(
            lambda: LocalConnection(self._connection_limits, make_inner),
            sock=listening,
            backlog=WAITING_CONNECTIONS,
        )

    def _bind(self) -> socket.socket:
        listening = bind_socket(self._path)
        self._identity = _identity_of(self._path)
        return listening

    async def stop(self) -> None:
        """Stop listening, and remove the socket's file if it is still ours."""
        if self._listener is not None:
            self._listener.close()
            await asyncio.to_thread(self._remove_file)

    def _remove_file(self) -> None:
        try:
            if _identity_of(self._path) == self._identity:
                self._path.unlink()
        except OSError as error:
            logger.warning(
                "the control socket {} was not removed: {}", self._path, error.strerror
            )


class LocalConnection(Connection):
    """A connection of a process of Sidecar's user or of root; others are refused."""

    is_authorised = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[explicit-override]
        """Check the user of the other process; from another user nothing is read."""
        super().connection_made(transport)
        if _read_peer_uid(transport) not in {0, os.geteuid()}:
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            transport.write(_REFUSAL)
            # Closed at once, it would break off a request that is being sent.
            transport.write_eof()
            self._close_after(REFUSED_S)


def _read_peer_uid(transport: asyncio.BaseTransport) -> int:
    connection: socket.socket = transport.get_extra_info("socket")
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
    )
    _, uid, _ = _CREDENTIALS.unpack(credentials)
    return int(uid)


def bind_socket(path: Path) -> socket.socket:
    """A listening socket at ``path``. Raises OSError. Blocks: call it in a thread.

    The socket of a process that has ended is replaced; whatever else is at the path is
    left as it is (PathTaken). Nobody can connect before the mode is set: a socket gets
    its name only when it listens.
    """
    _check_path(path)
    unnamed = path.with_suffix(".new")
    unnamed.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        listening.bind(str(unnamed))
        unnamed.chmod(MODE)
        listening.listen(WAITING_CONNECTIONS)
        unnamed.replace(path)
    except OSError:
        listening.close()
        unnamed.unlink(missing_ok=True)
        raise
    return listening


def _check_path(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise PathTaken("something that is no socket is there: remove it")
    if _is_served(path):
        raise PathTaken("another process listens there")


def _is_served(path: Path) -> bool:
    """Does a process listen there? A full backlog counts as a process that listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(CONNECT_S)
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True
    return True


def _identity_of(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
