"""A wallet file, and the wallet in memory.

Encryption is simulated: the file contains only the password's digest.
"""

import hashlib
import json
import os
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
FIRST_ADDRESSES = 20
FIRST_BALANCE = {"confirmed": "1.5", "unconfirmed": "0.25"}


class InvalidPassword(Exception):
    """The wallet file is encrypted with another password."""

    def __str__(self) -> str:
        return "Incorrect password"


@dataclass
class Contents:
    """The file's JSON."""

    seed: str
    addresses: list[str]
    balance: dict[str, str] = field(default_factory=FIRST_BALANCE.copy)
    password_digest: str | None = None


class Wallet:
    """A wallet; new addresses are only in memory until `save`."""

    def __init__(self, path: Path, contents: Contents) -> None:
        self.path = path
        self.synchronized = False
        self._contents = contents
        self._lock = threading.Lock()
        self._changed_at: float | None = None

    @property
    def balance(self) -> dict[str, str]:
        """Strings in whole coins; zero parts are omitted."""
        with self._lock:
            return dict(self._contents.balance)

    def set_balance(self, balance: dict[str, str]) -> None:
        """Set the balance, as if by payments; saved with the next `save`."""
        with self._lock:
            self._contents.balance = dict(balance)
            self._changed_at = time.monotonic()

    @property
    def addresses(self) -> list[str]:
        """All addresses, saved or not."""
        with self._lock:
            return list(self._contents.addresses)

    @property
    def has_unsaved_changes(self) -> bool:
        """Whether the file lacks changes."""
        with self._lock:
            return self._changed_at is not None

    def create_address(self) -> str:
        """The next address; the same again if it was lost unsaved."""
        with self._lock:
            address = derive(self._contents.seed, len(self._contents.addresses))
            self._contents.addresses.append(address)
            self._changed_at = time.monotonic()
            return address

    def save(self, *, unchanged_for: float = 0.0) -> None:
        """Write changes, if the last one is at least ``unchanged_for`` seconds ago."""
        with self._lock:
            changed_at = self._changed_at
            if changed_at is None or time.monotonic() - changed_at < unchanged_for:
                return
            write(self.path, self._contents)
            self._changed_at = None


def derive(seed: str, index: int) -> str:
    """An address in the form of a cash address without prefix."""
    digest = hashlib.sha512(f"{seed}/{index}".encode()).digest()
    return "q" + "".join(ALPHABET[byte % 32] for byte in digest[:41])


def create(path: Path, password: str | None) -> None:
    """A new wallet with its first addresses."""
    seed = os.urandom(16).hex()
    addresses = [derive(seed, index) for index in range(FIRST_ADDRESSES)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write(
        path,
        Contents(
            seed,
            addresses,
            password_digest=_digest(seed, password) if password else None,
        ),
    )


def load(path: Path, password: str | None) -> Wallet | None:
    """None when there is no file, or it is encrypted and no password was given."""
    if not path.exists():
        return None
    contents = _read(path)
    if contents.password_digest is not None:
        if not password:
            return None
        if _digest(contents.seed, password) != contents.password_digest:
            raise InvalidPassword
    return Wallet(path, contents)


def write(path: Path, contents: Contents) -> None:
    """The old file stays whole until the new one is on disk."""
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    with os.fdopen(
        os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w"
    ) as file:
        json.dump(asdict(contents), file, indent=4)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _read(path: Path) -> Contents:
    try:
        return Contents(**json.loads(path.read_text()))
    except (ValueError, TypeError) as damaged:
        raise OSError(f"Cannot read wallet file {path}") from damaged


def _digest(seed: str, password: str) -> str:
    return hashlib.sha256(f"{seed}:{password}".encode()).hexdigest()
