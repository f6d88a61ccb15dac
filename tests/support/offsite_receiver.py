"""A place for backups that containers of a stack reach."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

from tests.engine.harness import Stack


class OffsiteReceiver(ThreadingHTTPServer):
    """Keeps what is PUT, and answers it to a GET."""

    daemon_threads = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.kept: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        """The address of a folder."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/wallets/"


class _Handler(BaseHTTPRequestHandler):
    server: OffsiteReceiver
    timeout = 5

    def do_PUT(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.kept[self.path] = self.rfile.read(length)
        self._answer(201, b"")

    def do_GET(self) -> None:
        self._answer(200, self.server.kept[self.path])

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *_: object) -> None:
        """Write no access log."""


@contextmanager
def run_offsite_receiver(stack: Stack) -> Iterator[OffsiteReceiver]:
    """Run a place on this host's address in the stack's network."""
    network = stack.client.networks.get(stack.network.name)
    (ours,) = network.attrs["IPAM"]["Config"]
    server = OffsiteReceiver(ours["Gateway"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(timeout=5.0)
        server.server_close()
