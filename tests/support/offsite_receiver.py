"""A place for backups that containers of a stack reach."""

from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

from tests.engine.harness import Stack
from tests.support.stack_server import run_stack_server


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


def run_offsite_receiver(stack: Stack) -> AbstractContextManager[OffsiteReceiver]:
    """Run a place on this host's address in the stack's network."""
    return run_stack_server(stack, OffsiteReceiver)
