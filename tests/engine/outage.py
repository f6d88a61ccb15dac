"""Wallet daemons that are busy: their settings at a tenth, and who is connected.

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
PATIENT = {**QUICK_RESTART, "polite_stop": f"{POLITE_STOP_S:g}s"}

RPC_PORT = 7777
LOOK_EVERY_S = 0.1
_ESTABLISHED, _LEFT_BY_CLIENT = "01", "08"


def busy_target(service: str, **probe: object) -> Json:
    """One wallet daemon, watched with patience."""
    url = f"http://{service}:{RPC_PORT}/"
    return wallet_target({**BUSY, "url": url, **probe}, restart=PATIENT)


def busy_config(*services: str, **probe: object) -> Json:
    """The daemons with these names."""
    return config({name: busy_target(name, **probe) for name in services})


def busy_wallet(
    stack: Stack,
    service: str,
    call_s: float = NETWORK_TIMEOUT_S,
    **more: Any,  # noqa: ANN401 - the harness's own
) -> WalletBox:
    """A daemon whose network calls take as long as a tenth of a real one's."""
    env = {"NETWORK_TIMEOUT": str(call_s), "RPC_PASSWORD": RPC_PASSWORD}
    return stack.wallet(service, env=env, **more)


def break_upstream(wallet: WalletBox, upstream: Upstream) -> None:
    """What the daemon sees of its upstream server from now on."""
    if upstream == "slow":
        wallet.fault("upstream_slow", SLOW_S)
    elif upstream != "well":
        wallet.fault(f"upstream_{upstream}")


def hand_out(wallet: WalletBox, count: int = 4) -> list[str]:
    """So many new addresses; with no upstream server they are in memory alone."""
    return [wallet.create_address() for _ in range(count)]


def lost(wallet: WalletBox, handed_out: Sequence[str]) -> list[str]:
    """Those of the addresses that the daemon does not know any more."""
    known = set(wallet.addresses())
    return [address for address in handed_out if address not in known]


class Connections:
    """What the sidecar has open to some daemons, looked at from outside."""

    def __init__(self, wallets: Sequence[WalletBox], sidecar: SidecarBox) -> None:
        self._remote = _as_listed(sidecar.ip)
        self._tables = {w.name: _table(w) for w in wallets}
        self._before: dict[str, frozenset[str]] = {}
        self.looks = 0
        self.most: dict[str, int] = dict.fromkeys(self._tables, 0)
        """By daemon, the most that were open at once for two looks in a row.

        One whose answer was just read is closed by us a moment before the daemon does.
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
            _, local, remote, state = line.split()[:4]
            host, _, port = remote.partition(":")
            ours = host == self._remote and int(local.partition(":")[2], 16) == RPC_PORT
            if ours and state in {_ESTABLISHED, _LEFT_BY_CLIENT}:
                yield port


@contextmanager
def counting_connections(
    wallets: Sequence[WalletBox], sidecar: SidecarBox
) -> Iterator[Connections]:
    """Look again and again, until left. The daemons' runs must not end meanwhile."""
    counted, over = Connections(wallets, sidecar), threading.Event()

    def look_on() -> None:
        while not over.wait(LOOK_EVERY_S):
            counted.look()

    thread = threading.Thread(target=look_on)
    thread.start()
    try:
        yield counted
    finally:
        over.set()
        thread.join()


def _table(wallet: WalletBox) -> Path:
    wallet.docker.reload()
    return Path(f"/proc/{wallet.docker.attrs['State']['Pid']}/net/tcp")


def _as_listed(ip: str) -> str:
    return f"{struct.unpack('=I', socket.inet_aton(ip))[0]:08X}"
