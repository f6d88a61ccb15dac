"""The RPC server of jsonrpclib-pelix, one connection after another."""

import base64
import binascii
import hmac
import socket
import struct
import sys
import time

from jsonrpclib.SimpleJSONRPCServer import (
    SimpleJSONRPCRequestHandler,
    SimpleJSONRPCServer,
)

from standin.commands import Commands
from standin.faults import Faults
from standin.observed import Connection, Observed
from standin.settings import Settings

BAD_CREDENTIALS_DELAY = 0.05
# tcpi_unacked in struct tcp_info: on a listening socket, the length of its queue.
TCP_INFO_UNACKED = 24


class Refused(Exception):
    """Credentials that do not pass."""


class Handler(SimpleJSONRPCRequestHandler):  # type: ignore[misc]
    """Checks credentials before the verb; simulates faults of the answers."""

    server: "Server"

    def parse_request(self) -> bool:
        """401 comes without a challenge, as in the original."""
        if not super().parse_request():
            return False
        try:
            self.server.authenticate(self.headers.get("Authorization"))
        except Refused as refused:
            self.send_error(401, f"Authentication failed ({refused})")
            return False
        return True

    def do_POST(self) -> None:  # noqa: N802
        """Faults first, then the library."""
        faults = self.server.faults
        if faults.on("slow_answers"):
            faults.hold("slow_answers")
        if faults.on("http_500"):
            self._read_body()
            self.send_error(500)
        elif faults.on("bad_body"):
            self._read_body()
            self._answer_bad_body()
        else:
            super().do_POST()

    def send_response(self, code: int, message: str | None = None) -> None:
        """Measure the queue before the answer lets the client reconnect."""
        self.server.measure_queue()
        super().send_response(code, message)

    def _read_body(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer_bad_body(self) -> None:
        body = b'{"result": {"confirmed": '
        self.send_response(200)
        self.send_header("Content-type", "application/json-rpc")
        self.send_header("Content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(SimpleJSONRPCServer):  # type: ignore[misc]
    """Serves one connection at a time, without a read timeout."""

    request_queue_size = 5
    timeout = 0.1

    def __init__(
        self, settings: Settings, faults: Faults, commands: Commands, observed: Observed
    ) -> None:
        self.faults = faults
        self._settings = settings
        self._commands = commands
        self._observed = observed
        self._client = ""
        self._waiting: int | None = None
        super().__init__(
            (settings.rpc_host, settings.rpc_port),
            requestHandler=Handler,
            logRequests=False,
        )
        for name in Commands.NAMES:
            self.register_function(getattr(commands, name), name)

    def authenticate(self, header: str | None) -> None:
        """Raises Refused; an empty password disables the check."""
        if not self._settings.rpc_password:
            return
        if header is None:
            raise Refused("missing credentials")
        scheme, _, encoded = header.partition(" ")
        if scheme != "Basic":
            raise Refused("only basic auth is supported")
        if not hmac.compare_digest(
            _decode(encoded), credentials(self._settings, self.faults)
        ):
            time.sleep(BAD_CREDENTIALS_DELAY)
            raise Refused("bad credentials")

    def process_request(
        self, request: socket.socket, client_address: tuple[str, int]
    ) -> None:
        """Record each connection, with the queue's length at its end."""
        accepted_at, started = time.time(), time.monotonic()
        self._client, self._waiting = client_address[0], None
        try:
            super().process_request(request, client_address)
        finally:
            seconds = time.monotonic() - started
            waiting = self.measure_queue()
            self._observed.connection(
                Connection(accepted_at, self._client, seconds, waiting)
            )

    def measure_queue(self) -> int:
        """The accept queue's length, measured once per connection."""
        if self._waiting is None:
            length = TCP_INFO_UNACKED + 4
            info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, length)
            self._waiting = int(struct.unpack_from("I", info, TCP_INFO_UNACKED)[0])
        return self._waiting

    def handle_error(self, _: object, client_address: tuple[str, int]) -> None:
        """Print one line instead of a traceback, when a client disconnects early."""
        print(f"{client_address[0]}: {sys.exc_info()[1]!r}", file=sys.stderr)

    def _dispatch(self, method: str, params: object, config: object = None) -> object:
        self._observed.call(
            self._client, method, wallet_loaded=bool(self._commands.wallets.by_path)
        )
        return super()._dispatch(method, params, config)


def credentials(settings: Settings, faults: Faults) -> bytes:
    """Credentials that the daemon expects now."""
    changed = "-changed" if faults.on("wrong_password") else ""
    return f"{settings.rpc_user}:{settings.rpc_password}{changed}".encode()


def _decode(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return b""
