"""The control socket of a sidecar on this machine, or in this container."""

import http.client
import socket
import stat
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sidecar.core.ports.control_socket import SOCKET_NAME

DEFAULT_STATE_DIR = "/var/lib/sidecar"
CONNECT_S = 2.0


class BadControlSocket(Exception):
    """Something else is at the path of the control socket."""


def find_control_socket(environ: Mapping[str, str]) -> Path | None:
    """The path of the socket that a sidecar serves. Raises BadControlSocket.

    None: no process listens there, or this user may not connect.
    """
    path = Path(environ.get("SIDECAR_STATE_DIR") or DEFAULT_STATE_DIR) / SOCKET_NAME
    try:
        _check_kind(path, path.lstat().st_mode)
        _open_connection(path, CONNECT_S).close()
    except OSError:
        return None
    return path


def _check_kind(path: Path, mode: int) -> None:
    if not stat.S_ISSOCK(mode):
        raise BadControlSocket(
            f"{path} is not the socket that a sidecar makes there: remove it, or give "
            "the sidecar's address with --url or SIDECAR_URL"
        )


def _open_connection(path: Path, timeout_s: float | None) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over the socket; the host of the address is not used."""

    def __init__(
        self, socket_path: Path, host: str, *, timeout: float | None = None
    ) -> None:
        super().__init__(host, timeout=timeout)
        self._socket_path = socket_path

    def connect(self) -> None:  # type: ignore[explicit-override]
        """Connect to the socket instead of the host."""
        self.sock = _open_connection(self._socket_path, self.timeout)


class ControlSocketHandler(urllib.request.HTTPHandler):
    """Sends requests to http addresses over the socket at ``socket_path``."""

    def __init__(self, socket_path: Path) -> None:
        super().__init__()
        self._connect = partial(_SocketConnection, socket_path)

    def http_open(  # type: ignore[explicit-override]
        self, req: urllib.request.Request
    ) -> http.client.HTTPResponse:
        """Open the request on a connection to the socket."""
        return self.do_open(self._connect, req)
