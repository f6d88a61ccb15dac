"""The JSON-RPC methods, by the names and in the shapes of Electron Cash 4.4.5."""

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from standin import wallet_file
from standin.faults import Faults
from standin.settings import VERSION, Settings
from standin.upstream import Upstream
from standin.wallet_file import Wallet

P = ParamSpec("P")
R = TypeVar("R")
FEE_PER_KB = 1000
SYNCHRONIZER_PERIOD = 0.1


class timeout(Exception):  # noqa: N801  # the name is on the wire
    """No upstream answered in time."""


def requires_wallet(
    method: Callable[Concatenate["Commands", P], R],
) -> Callable[Concatenate["Commands", P], R]:
    """Refuses as the original does while no wallet is loaded."""

    @functools.wraps(method)
    def func_wrapper(commands: "Commands", /, *args: P.args, **kwargs: P.kwargs) -> R:
        if commands.wallet is None:
            # As in the original: one library version answers it, another dies of it.
            raise BaseException(  # noqa: TRY002
                "Wallet not loaded. Use 'electron-cash daemon load_wallet'"
            )
        return method(commands, *args, **kwargs)

    return func_wrapper


class Commands:
    """The methods, and the wallets they work on."""

    NAMES = (
        "ping",
        "version",
        "getinfo",
        "getbalance",
        "load_wallet",
        "close_wallet",
        "list_wallets",
        "is_synchronized",
        "listaddresses",
        "createnewaddress",
        "getunusedaddress",
        "history",
        "getfeerate",
        "getaddressbalance",
        "stop",
    )

    def __init__(self, settings: Settings, faults: Faults, upstream: Upstream) -> None:
        self.wallet: Wallet | None = None
        self.wallets: dict[str, Wallet] = {}
        self.stopping = threading.Event()
        self._settings = settings
        self._faults = faults
        self._upstream = upstream

    def ping(self) -> bool:
        """Answers whatever else is wrong."""
        return True

    def version(self) -> str:
        """The version of the daemon played."""
        return VERSION

    def getinfo(self) -> dict[str, object]:
        """The upstream and the loaded wallets."""
        upstream = self._upstream
        return {
            "path": str(self._settings.data_dir),
            "server": "upstream",
            "blockchain_height": upstream.local_height,
            "server_height": upstream.server_height,
            "spv_nodes": int(upstream.connected),
            "connected": upstream.connected,
            "auto_connect": False,
            "version": VERSION,
            "default_wallet": str(self._settings.default_wallet),
            "wallets": {
                path: wallet.synchronized for path, wallet in self.wallets.items()
            },
            "fee_per_kb": FEE_PER_KB,
        }

    def load_wallet(
        self, wallet_path: str | None = None, password: str | None = None
    ) -> bool:
        """False when there is no file, or it is encrypted and no password came."""
        path = wallet_path or self._default_path
        if path not in self.wallets:
            wallet = self._open(Path(path), password)
            if wallet is None:
                return False
            self.wallets[path] = wallet
        self.wallet = self.wallets[path]
        return True

    def close_wallet(self, wallet_path: str | None = None) -> bool:
        """Saves it; `getbalance` goes on answering from it, as in the original."""
        wallet = self.wallets.pop(wallet_path or self._default_path, None)
        if wallet is None:
            return False
        wallet.save()
        return True

    def list_wallets(self) -> list[dict[str, object]]:
        """The loaded wallets."""
        return [
            {"path": path, "synchronized": w.synchronized}
            for path, w in self.wallets.items()
        ]

    def stop(self) -> str:
        """The only clean end: saves the wallets, removes the lock."""
        self.stopping.set()
        return "Daemon stopped"

    def getfeerate(self) -> int:
        """In satoshi per kB."""
        return FEE_PER_KB

    def getaddressbalance(self, address: str) -> dict[str, str]:  # noqa: ARG002
        """A network-backed call: it holds the only thread while no server answers."""
        self._ask_network()
        return {"confirmed": "0", "unconfirmed": "0"}

    @requires_wallet
    def getbalance(self) -> dict[str, str]:
        """Cached: says nothing about the upstream."""
        return self._loaded.balance

    @requires_wallet
    def is_synchronized(self) -> bool:
        """Cached: stays true when the upstream is lost."""
        return self._loaded.synchronized

    @requires_wallet
    def listaddresses(self) -> list[str]:
        """Without prefix."""
        return self._loaded.addresses

    @requires_wallet
    def createnewaddress(self) -> str:
        """In memory until the synchronizer saves it."""
        return self._loaded.create_address()

    @requires_wallet
    def getunusedaddress(self) -> str:
        """The first: nothing is ever paid here."""
        return self._loaded.addresses[0]

    @requires_wallet
    def history(self) -> list[dict[str, object]]:
        """One payment received."""
        return [
            {
                "txid": "8f" * 32,
                "height": 112,
                "confirmations": self._upstream.local_height - 111,
                "timestamp": 1700067200,
                "date": "2023-11-15 16:53",
                "label": "",
                "value": "+1.5",
                "fee": "0.",
                "balance": "--",
            }
        ]

    def synchronize_forever(self) -> None:
        """Saves only while an upstream answers: an outage keeps addresses unsaved."""
        while not self.stopping.wait(SYNCHRONIZER_PERIOD):
            for wallet in list(self.wallets.values()):
                self._synchronize(wallet)

    def save_all(self) -> None:
        """For the clean end."""
        for wallet in list(self.wallets.values()):
            wallet.save()

    @property
    def _default_path(self) -> str:
        return str(self._settings.default_wallet)

    @property
    def _loaded(self) -> Wallet:
        assert self.wallet is not None
        return self.wallet

    def _open(self, path: Path, password: str | None) -> Wallet | None:
        if self._faults.on("wallet_missing"):
            return None
        return wallet_file.load(path, password)

    def _synchronize(self, wallet: Wallet) -> None:
        if self._faults.on("syncing"):
            wallet.synchronized = False
        elif self._upstream.answers:
            wallet.synchronized = True
            wallet.save()

    def _ask_network(self) -> None:
        if self._faults.on("network_call"):
            self._faults.hold("network_call")
        elif not self._upstream.answers:
            time.sleep(self._settings.network_timeout)
        if not self._upstream.answers:
            raise timeout("Server did not answer")
