"""Connections to an engine's socket: few, and none that is left to the collector."""

import socket
from collections.abc import Mapping

from docker.transport.unixconn import (
    UnixHTTPAdapter,
    UnixHTTPConnection,
    UnixHTTPConnectionPool,
)


class SharedPool(UnixHTTPAdapter):
    """Keeps the connections to a socket in one pool, whatever their URLs.

    The SDK's own adapter has a pool for each URL, and so keeps a connection open for
    each of the last 25 containers, logs and commands that were asked for.
    """

    def get_connection(  # type: ignore[explicit-override]
        self,
        url: str | bytes,  # noqa: ARG002 - the caller's
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - the caller's
    ) -> UnixHTTPConnectionPool:
        """The pool of the socket."""
        with self.pools.lock:
            pool: UnixHTTPConnectionPool | None = self.pools.get(self.socket_path)
            if pool is None:
                pool = self.pools[self.socket_path] = _Pool(
                    self.socket_path,
                    self.socket_path,
                    self.timeout,
                    maxsize=self.max_pool_size,
                )
        return pool


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> UnixHTTPConnection:  # type: ignore[override, explicit-override]
        return _Connection(self.base_url, self.socket_path)


class _Connection(UnixHTTPConnection):
    def connect(self) -> None:  # type: ignore[explicit-override]
        """Connect. The SDK's own method forgets the socket of an attempt that fails.

        It would stay open until a garbage collection, which is rare.
        """
        attempt = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            attempt.settimeout(self.timeout)
            attempt.connect(self.unix_socket)
        except OSError:
            attempt.close()
            raise
        self.sock = attempt
