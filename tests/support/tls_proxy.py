"""A proxy that ends TLS before the engine's socket, as an engine on TCP does."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from tests.support.docker_proxy import CHUNK, ENGINE

EXPIRED = datetime.now(UTC) - timedelta(days=1)


class TlsProxy:
    """Accepts clients with a certificate of ``clients``; passes bytes on as they are.

    ``accepted``: the number of connections whose handshake ended well.
    """

    def __init__(
        self, certificate: trustme.LeafCert, clients: trustme.CA, engine: Path = ENGINE
    ) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(self._tls)
        certificate.configure_cert(self._tls)
        self._engine = engine
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more; wakes the thread in accept."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(
                    target=self._serve, args=(client,), daemon=True
                ).start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(60.0)
        with (
            self._tls.wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False
            ) as client,
            contextlib.suppress(OSError),
        ):
            try:
                client.do_handshake()
            except OSError:
                _end_politely(client)
                return
            self.accepted += 1
            self._pass_both_ways(client)

    def _pass_both_ways(self, client: ssl.SSLSocket) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.connect(str(self._engine))
            back = threading.Thread(target=_pass, args=(engine, client), daemon=True)
            back.start()
            _pass(client, engine)
            back.join(5.0)


def _end_politely(client: ssl.SSLSocket) -> None:
    """Let the client read the alert: unread bytes would reset the connection."""
    socket.socket.shutdown(client, socket.SHUT_WR)
    while socket.socket.recv(client, CHUNK):
        pass


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def tls_proxy(certificate: trustme.LeafCert, clients: trustme.CA) -> Iterator[TlsProxy]:
    """A running proxy."""
    proxy = TlsProxy(certificate, clients)
    try:
        yield proxy
    finally:
        proxy.close()


def write_certificates(
    folder: Path, client: trustme.LeafCert, trusted: trustme.CA
) -> Path:
    """The files of DOCKER_CERT_PATH."""
    folder.mkdir()
    trusted.cert_pem.write_to_path(folder / "ca.pem")
    client.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    client.private_key_pem.write_to_path(folder / "key.pem")
    return folder
