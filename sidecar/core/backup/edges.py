"""The edges of a backup beyond the copy: sealing, off-site, restore test.

The order of one backup: copy, parse, digests, seal, store, restore test of the plain
copy (which is in memory only), send off-site, read again, compare.
"""

from typing import NamedTuple, Protocol

from sidecar.core.backup.record import FileOwner
from sidecar.core.model.backup_settings import OffsiteSettings
from sidecar.core.model.container import Container
from sidecar.core.model.target import Target
from sidecar.core.reason.reason import Reason


class BackupEdgeError(Exception):
    """A file could not be copied, sealed, or sent off-site.

    ``reason`` is fit for people: it names no key, no password and no part of a file.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Sealer(Protocol):
    """Seals bytes so that only the recipients can read them."""

    def __call__(self, plain: bytes, recipients: tuple[str, ...], /) -> bytes:
        """The sealed bytes; BackupEdgeError. It blocks: call it in a thread."""


class OffsiteSender(Protocol):
    """Sends a stored backup off this host, reads it again and compares."""

    async def __call__(
        self, place: OffsiteSettings, name: str, stored: bytes, /
    ) -> Reason:
        """NO_REASON: the bytes that were read again are equal. BackupEdgeError.

        Else the reason why they were sent and not compared: the place may be written
        only. ``name`` is the file name of the backup. It ends within its own deadline.
        """


class RestoreTestResult(NamedTuple):
    """Result of a restore test.

    ``is_loaded`` None: the test was not possible, as where the engine's allowlist does
    not permit it, and says nothing about the copy; ``reason`` says why. ``addresses``:
    the number that the fresh daemon counted; None: it was not asked.
    """

    is_loaded: bool | None
    reason: Reason
    addresses: int | None = None


class WalletCopy(NamedTuple):
    """A copy of a wallet file, with the owner that it has in the container."""

    path: str
    data: bytes
    owner: FileOwner


class RestoreTester(Protocol):
    """Loads a copy of a wallet in a throw-away container without network."""

    async def __call__(
        self, target: Target, container: Container, wallet: WalletCopy, /
    ) -> RestoreTestResult:
        """The result; never an error, and nothing of the container is left.

        ``container`` is the daemon's own, whose image and command are used. Call it
        only where the target's settings have a restore test.
        """
