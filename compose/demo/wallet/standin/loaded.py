"""The loaded wallets, and the current one, on which the methods work."""

import threading
from pathlib import Path

from standin import wallet_file
from standin.faults import Faults
from standin.settings import Settings
from standin.upstream import Upstream
from standin.wallet_file import Wallet

SYNCHRONIZER_PERIOD = 0.1


class LoadedWallets:
    """Changed by the RPC thread, read by the synchronizer and the control port."""

    def __init__(self, settings: Settings, faults: Faults, upstream: Upstream) -> None:
        self.current: Wallet | None = None
        self.by_path: dict[str, Wallet] = {}
        self._settings = settings
        self._faults = faults
        self._upstream = upstream

    def load(self, path: str | None, password: str | None) -> Wallet | None:
        """The wallet at the path, which is not yet the current one.

        None when there is no file, or it is encrypted and no password came.
        InvalidPassword and OSError as `wallet_file.load` raises them.
        """
        path = self._resolve_path(path)
        if path not in self.by_path:
            wallet = self._open(Path(path), password)
            if wallet is None:
                return None
            self.by_path[path] = wallet
        return self.by_path[path]

    def close(self, path: str | None) -> bool:
        """Saves it; it stays the current one, as in the original."""
        wallet = self.by_path.pop(self._resolve_path(path), None)
        if wallet is None:
            return False
        wallet.save()
        return True

    def up_to_date(self) -> dict[str, bool]:
        """Whether each wallet is synchronized, by path, in the order of loading."""
        return {path: w.synchronized for path, w in list(self.by_path.items())}

    def synchronize_until(self, stopping: threading.Event) -> None:
        """Saves when the upstream answered: an outage keeps addresses unsaved."""
        while not stopping.wait(SYNCHRONIZER_PERIOD):
            for wallet in list(self.by_path.values()):
                self._synchronize(wallet)

    def save_all(self) -> None:
        """Save all wallets, for the clean end."""
        for wallet in list(self.by_path.values()):
            wallet.save()

    def _resolve_path(self, path: str | None) -> str:
        wallet_path = Path(path) if path else self._settings.default_wallet
        return str(wallet_path.expanduser().resolve())

    def _open(self, path: Path, password: str | None) -> Wallet | None:
        if self._faults.on("wallet_missing"):
            return None
        return wallet_file.load(path, password)

    def _synchronize(self, wallet: Wallet) -> None:
        if self._faults.on("syncing"):
            wallet.synchronized = False
        elif self._upstream.answers:
            wallet.synchronized = True
            wallet.save(unchanged_for=self._upstream.latency)
