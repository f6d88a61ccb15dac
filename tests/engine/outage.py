"""Busy wallet daemons with settings at a tenth, and their open connections.

NETWORK_TIMEOUT stands for 30 s, HANG_AFTER for 45 s, HANG_AFTER_OUTAGE for 5 min and
POLITE_STOP for 90 s.
"""

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from tests.engine.harness import (
    QUICK_RESTART,
    RPC_PASSWORD,
    Json,
    Shape,
    SidecarBox,
    Stack,
    WalletBox,
    config,
    wallet_target,
)

Library = Literal["pinned", "newest"]
Upstream = Literal["well", "slow", "lost", "mute"]

SHAPES: tuple[Shape, ...] = ("wrapper", "init", "pid1")
LIBRARIES: tuple[Library, ...] = ("pinned", "newest")
UPSTREAMS: tuple[Upstream, ...] = ("well", "slow", "lost", "mute")

NETWORK_TIMEOUT_S = 3
SLOW_S = 2.5
HANG_AFTER_S = 5.0
HANG_AFTER_OUTAGE_S = 30.0
POLITE_STOP_S = 12.0

BUSY = {
    "hang_after": f"{HANG_AFTER_S:g}s",
    "hang_after_outage": f"{HANG_AFTER_OUTAGE_S:g}s",
}

RPC_PORT = 7777
LOOK_EVERY_S = 0.1
_ESTABLISHED, _LEFT_BY_CLIENT = "01", "08"
_END_IN_QUEUE = 1
"""What the end of a connection adds to the length of its queue of unread bytes."""


def busy_target(
    service: str, polite_stop_s: float = POLITE_STOP_S, /, **probe: object
) -> Json:
    """One wallet daemon as a target with long timeouts."""
    url = f"http://{service}:{RPC_PORT}/"
    restart = {**QUICK_RESTART, "polite_stop": f"{polite_stop_s:g}s"}
    return wallet_target({**BUSY, "url": url, **probe}, restart=restart)


def busy_config(*services: str, **probe: object) -> Json:
    """A configuration with the daemons of these names."""
    return config({name: busy_target(name, **probe) for name in services})


def busy_wallet(
    stack: Stack,
    service: str,
    call_s: float = NETWORK_TIMEOUT_S,
    **more: Any,  # noqa: ANN401 - the harness's own
) -> WalletBox:
    """A daemon whose network calls take a tenth of the real time."""
    env = {"NETWORK_TIMEOUT": str(call_s), "RPC_PASSWORD": RPC_PASSWORD}
    return stack.wallet(service, env=env, **more)


def break_upstream(wallet: WalletBox, upstream: Upstream) -> None:
    """Set the state of the daemon's upstream server."""
    if upstream == "slow":
        wallet.set_fault("upstream_slow", SLOW_S)
    elif upstream != "well":
        wallet.set_fault(f"upstream_{upstream}")


def create_addresses(wallet: WalletBox, count: int = 4) -> list[str]:
    """Create new addresses; without an upstream server they are only in memory."""
    return [wallet.create_address() for _ in range(count)]


def find_lost_addresses(wallet: WalletBox, handed_out: Sequence[str]) -> list[str]:
    """Addresses that the daemon does not know any more."""
    known_addresses = set(wallet.addresses())
    return [address for address in handed_out if address not in known_addresses]


class Connections:
    """Connections of the sidecar to daemons, counted from outside."""

    def __init__(self, wallets: Sequence[WalletBox], sidecar: SidecarBox) -> None:
        self._remote = _as_listed(sidecar.ip)
        self._tables = {w.name: _table(w) for w in wallets}
        self._before: dict[str, frozenset[str]] = {}
        self.looks = 0
        self.most: dict[str, int] = dict.fromkeys(self._tables, 0)
        """Most connections open at once in two consecutive counts, by daemon.

        The daemon closes a connection a moment after the sidecar has closed it. One
        that the sidecar has closed counts while a request in it is unread.
        """

    def look(self) -> None:
        """Count once."""
        self.looks += 1
        for name, table in self._tables.items():
            now = frozenset(self._open(table))
            stay = now & self._before.get(name, frozenset())
            self._before[name] = now
            self.most[name] = max(self.most[name], len(stay))

    def _open(self, table: Path) -> Iterator[str]:
        for line in table.read_text().splitlines()[1:]:
            _, local, remote, state, queues = line.split()[:5]
            host, _, port = remote.partition(":")
            ours = host == self._remote and int(local.partition(":")[2], 16) == RPC_PORT
            is_unread = int(queues.partition(":")[2], 16) > _END_IN_QUEUE
            is_open = state == _ESTABLISHED or (state == _LEFT_BY_CLIENT and is_unread)
            if ours and is_open:
                yield port


@contextmanager
def count_connections(
    wallets: Sequence[WalletBox], sidecar: SidecarBox
) -> Iterator[Connections]:
    """Count repeatedly until the exit. The daemons' runs must not end meanwhile."""
    connections, stopped = Connections(wallets, sidecar), threading.Event()

    def look_on() -> None:
        while not stopped.wait(LOOK_EVERY_S):
            connections.look()

    thread = threading.Thread(target=look_on)
    thread.start()
    try:
        yield connections
    finally:
        stopped.set()
        thread.join()


def _table(wallet: WalletBox) -> Path:
    wallet.docker.reload()
    return Path(f"/proc/{wallet.docker.attrs['State']['Pid']}/net/tcp")


def _as_listed(ip: str) -> str:
    return f"{struct.unpack('=I', socket.inet_aton(ip))[0]:08X}"
