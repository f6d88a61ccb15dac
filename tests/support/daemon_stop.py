"""Stop of a wallet daemon on a real engine: its order, and how far it is."""

from pathlib import Path
from threading import Event

from tests.engine.harness import WALLET, Box, Stack, WalletBox

RPC_PORT, ESTABLISHED = "1E61", "01"
"""7777 and a state as /proc/net/tcp writes them."""


def is_rpc_pending(wallet: WalletBox) -> bool:
    """Whether a client waits for the daemon's answer."""
    table = Path(f"/proc/{wallet.daemon_process()}/net/tcp").read_text()
    rows = [line.split() for line in table.splitlines()[1:]]
    return any(r[1].endswith(f":{RPC_PORT}") and r[3] == ESTABLISHED for r in rows)


def order_restart(stack: Stack) -> None:
    """Order a restart of the wallet from the sidecar, which accepts it."""
    answer = stack.watcher.order("restart", WALLET)
    assert answer.status_code == 202, answer.text


def has_stopped(wallet: WalletBox) -> bool:
    """Whether the daemon has ended, in a stopped container or in its wrapper."""
    if wallet.status != "running":
        return True
    # None for a container that ends at this moment.
    rows = wallet.docker.top(ps_args="-eo pid,args")["Processes"] or ()
    return not any("wallet.py daemon" in row[1] for row in rows)


def delay_news(stack: Stack, box: Box) -> Event:
    """Keep the container's state from the sidecar until the returned event is set."""
    is_told = Event()

    def keep_back(inspected: object) -> object:
        is_told.wait(60.0)
        return inspected

    stack.proxy.alter(f"/containers/{box.id}/json", keep_back)
    return is_told


def wait_ended(stack: Stack, process: int) -> None:
    """Wait until this process of a daemon has ended; another may run already."""
    stack.wait_for(
        "the daemon has ended", lambda: not Path(f"/proc/{process}").exists()
    )
