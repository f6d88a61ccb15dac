"""A receiver of messages that containers of a stack reach."""

import json
import time
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

from tests.engine.harness import Json, Stack
from tests.support.stack_server import run_stack_server


class MessageReceiver(ThreadingHTTPServer):
    """Takes the messages of ``json://`` on an address that containers reach."""

    daemon_threads = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _MessageHandler)
        self.messages: list[Json] = []
        self.arrivals: list[float] = []
        """Unix times of the messages."""

    @property
    def url(self) -> str:
        """The address for a channel's settings."""
        host, port = self.server_address[:2]
        return f"json://{host!s}:{port}/"


class _MessageHandler(BaseHTTPRequestHandler):
    server: MessageReceiver
    timeout = 30

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        message = json.loads(self.rfile.read(length))
        self.server.arrivals.append(time.time())
        self.server.messages.append(message)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        """Write no access log."""


def run_message_receiver(stack: Stack) -> AbstractContextManager[MessageReceiver]:
    """Run a receiver on this host's address in the stack's network."""
    return run_stack_server(stack, MessageReceiver)
