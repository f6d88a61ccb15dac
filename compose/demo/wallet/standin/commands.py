"""The JSON-RPC methods, by the names and in the shapes of Electron Cash 4.4.5."""

import functools
import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from standin.loaded import LoadedWallets
from standin.settings import VERSION, Settings
from standin.upstream import Upstream
from standin.wallet_file import Wallet

P = ParamSpec("P")
R = TypeVar("R")
FEE_PER_KB = 1000


def requires_wallet(
    method: Callable[Concatenate["Commands", P], R],
) -> Callable[Concatenate["Commands", P], R]:
    """Refuses as the original does while no wallet is loaded."""

    @functools.wraps(method)
    def func_wrapper(commands: "Commands", /, *args: P.args, **kwargs: P.kwargs) -> R:
        if commands.wallets.current is None:
            # As in the original: one library version answers it, another dies of it.
            raise BaseException(  # noqa: TRY002
                "Wallet not loaded. Use 'electron-cash daemon load_wallet'"
            )
        return method(commands, *args, **kwargs)

    return func_wrapper


def requires_network(
    method: Callable[Concatenate["Commands", P], R],
) -> Callable[Concatenate["Commands", P], R]:
    """Refuses as the original does when its setting offline is true."""

    @functools.wraps(method)
    def func_wrapper(commands: "Commands", /, *args: P.args, **kwargs: P.kwargs) -> R:
        if commands.upstream.offline:
            raise BaseException("Daemon offline")  # noqa: TRY002
        return method(commands, *args, **kwargs)

    return func_wrapper


class Commands:
    """The methods, and the wallets they work on."""

    NAMES = (
        "ping",
        "daemon",
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

    def __init__(
        self,
        settings: Settings,
        upstream: Upstream,
        wallets: LoadedWallets,
    ) -> None:
        self.wallets = wallets
        self.stopping = threading.Event()
        self._settings = settings
        self.upstream = upstream

    def ping(self) -> bool:
        """Answers despite any other fault."""
        return True

    def daemon(self, config_options: dict[str, Any]) -> object:
        """The command line's way in: `{"subcommand": "load_wallet", ...}`."""
        subcommand = config_options.get("subcommand")
        path = config_options.get("wallet_path")
        match subcommand:
            case None | "start":
                return "Daemon already running"
            case "load_wallet":
                return self._load_for_command_line(path, config_options.get("password"))
            case "close_wallet":
                return self.wallets.close(path)
            case "status":
                return "Daemon offline" if self.upstream.offline else self._status()
            case "stop":
                return self._stop()
            case _:
                return f"Unrecognized subcommand {subcommand!r}"

    def version(self) -> str:
        """The version of the simulated daemon."""
        return VERSION

    @requires_network
    def getinfo(self) -> dict[str, object]:
        """The upstream and the loaded wallets."""
        return self._status() | {"default_wallet": str(self._settings.default_wallet)}

    @requires_network
    def load_wallet(self, wallet_path: str | None = None) -> bool:
        """False when there is no file, or it is encrypted: no password can come."""
        wallet = self.wallets.load(wallet_path, None)
        if wallet is None:
            return False
        self.wallets.current = wallet
        return True

    @requires_network
    def close_wallet(self, wallet_path: str | None = None) -> bool:
        """Saves it; `getbalance` goes on answering from it, as in the original."""
        return self.wallets.close(wallet_path)

    @requires_network
    def list_wallets(self) -> list[dict[str, object]]:
        """The loaded wallets."""
        return [
            {"path": path, "synchronized": synchronized}
            for path, synchronized in self.wallets.up_to_date().items()
        ]

    @requires_network
    def stop(self) -> str:
        """The only clean end: saves the wallets, removes the lock."""
        return self._stop()

    @requires_network
    def getfeerate(self) -> int:
        """In satoshi per kB."""
        return FEE_PER_KB

    @requires_network
    def getaddressbalance(self, address: str) -> dict[str, str]:  # noqa: ARG002
        """A network-backed call: it holds the only thread while no server answers."""
        self.upstream.ask()
        return {"confirmed": "0", "unconfirmed": "0"}

    @requires_wallet
    def getbalance(self) -> dict[str, str]:
        """Cached: says nothing about the upstream."""
        return self._current_wallet.balance

    @requires_wallet
    def is_synchronized(self) -> bool:
        """Cached: stays true when the upstream is lost."""
        return self._current_wallet.synchronized

    @requires_wallet
    def listaddresses(self) -> list[str]:
        """Without prefix."""
        return self._current_wallet.addresses

    @requires_wallet
    def createnewaddress(self) -> str:
        """In memory until the synchronizer saves it."""
        return self._current_wallet.create_address()

    @requires_wallet
    def getunusedaddress(self) -> str:
        """The first: nothing is ever paid here."""
        return self._current_wallet.addresses[0]

    @requires_wallet
    def history(self) -> list[dict[str, object]]:
        """One payment received."""
        return [
            {
                "txid": "8f" * 32,
                "height": 112,
                "confirmations": self.upstream.local_height - 111,
                "timestamp": 1700067200,
                "date": "2023-11-15 16:53",
                "label": "",
                "value": "+1.5",
                "fee": "0.",
                "balance": "--",
            }
        ]

    def _load_for_command_line(self, path: str | None, password: str | None) -> bool:
        """Always true; if nothing was loaded, no wallet is current.

        A wrong password is raised, and the current wallet stays.
        """
        self.wallets.current = self.wallets.load(path, password)
        return True

    def _status(self) -> dict[str, object]:
        upstream = self.upstream
        return {
            "path": str(self._settings.data_dir),
            "server": "upstream",
            "blockchain_height": upstream.local_height,
            "server_height": upstream.server_height,
            "spv_nodes": int(upstream.is_connected),
            "connected": upstream.is_connected,
            "auto_connect": False,
            "version": VERSION,
            "wallets": self.wallets.up_to_date(),
            "fee_per_kb": FEE_PER_KB,
        }

    def _stop(self) -> str:
        self.stopping.set()
        return "Daemon stopped"

    @property
    def _current_wallet(self) -> Wallet:
        assert self.wallets.current is not None
        return self.wallets.current
