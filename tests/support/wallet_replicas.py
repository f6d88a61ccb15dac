"""Replicas of a wallet daemon, each at an address of 127.0.0.0/8."""

from sidecar.core.model.container import Container, Endpoint
from tests.support.fakes import a_container
from tests.support.probe_servers import HEALTHY, Connection, reply_by_method, response

NET = "p_default"
OURS, SISTER, NEIGHBOUR = "127.0.0.2", "127.0.0.3", "127.0.0.1"


def healthy(connection: Connection) -> None:
    """Answer every kind of probe."""
    if connection.request.startswith(b"GET"):
        connection.send(response(b"ok"))
    else:
        reply_by_method(HEALTHY)(connection)


def replica_at(*addresses: str, number: int = 1) -> Container:
    """A replica of the wallet at these addresses."""
    endpoint = Endpoint(NET, addresses, frozenset({"localhost"}))
    return a_container(
        f"c{number}",
        name=f"demo-electron-cash-{number}",
        number=number,
        networks=frozenset({NET}),
        endpoints=(endpoint,),
        network_mode=NET,
    )
