"""A server of a test that containers of a stack reach."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import TypeVar

from tests.engine.harness import Stack

Server = TypeVar("Server", bound=ThreadingHTTPServer)


@contextmanager
def run_stack_server(
    stack: Stack, make_server: Callable[[str], Server]
) -> Iterator[Server]:
    """Run a server on this host's address in the stack's network."""
    network = stack.client.networks.get(stack.network.name)
    (ours,) = network.attrs["IPAM"]["Config"]
    server = make_server(ours["Gateway"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(timeout=5.0)
        server.server_close()
