"""Backups and wallet files for tests."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.backup.record import (
    BackupRecord,
    BackupTrigger,
    Encryption,
    FileOwner,
)
from sidecar.core.backup.result import (
    BackupResult,
    RestoredFile,
    TargetBackups,
    VerifyResult,
)
from sidecar.core.reason.reason import Reason
from tests.support.fakes import a_container

PATH = "/data/wallets/default_wallet"
OWNER = FileOwner(1000, 1000, 0o600)
RECORD = BackupRecord(
    id="20261130T030000Z-0a1b2c3d",
    target="wallet",
    path=PATH,
    taken_wall=1_000.0,
    trigger=BackupTrigger.SCHEDULE,
    size_bytes=10_000,
    sha256="0a" * 32,
    stored_sha256="0a" * 32,
    is_sealed=False,
    owner=OWNER,
    encryption=Encryption.NONE,
    addresses=30,
    image="wallet:1",
    seen_wall=1_000.0,
)


def make_record(**changes: Any) -> BackupRecord:  # noqa: ANN401 - of any field
    """A good backup of a wallet with 30 addresses."""
    return replace(RECORD, **changes)


def plain_wallet(receiving: int = 20, change: int = 10, **more: object) -> bytes:
    """A wallet file as Electron Cash writes it without a password."""
    document = {
        "seed_version": 17,
        "wallet_type": "standard",
        "use_encryption": False,
        "keystore": {"type": "bip32", "xpub": "xpub-of-the-test"},
        "addresses": {
            "receiving": [f"qreceiving{n}" for n in range(receiving)],
            "change": [f"qchange{n}" for n in range(change)],
        },
        "labels": {"a }": 'a "quoted" {brace}'},
    }
    return json.dumps(document | more, indent=4).encode()


def encrypted_wallet(blocks: int = 40, magic: bytes = b"BIE1") -> bytes:
    """A wallet file that is encrypted as a whole, by its form."""
    point, mac = b"\x02" + b"p" * 32, b"m" * 32
    return base64.b64encode(magic + point + b"b" * 16 * blocks + mac)


@dataclass
class FakeBackups:
    """The port of backups, for the API: ``targets`` is its overview."""

    targets: tuple[TargetBackups, ...] = ()
    orders: list[tuple[str, bool | None]] = field(default_factory=list)
    is_busy: bool = False
    restores: list[tuple[str, str]] = field(default_factory=list)
    restore_fails: Reason | None = None
    results: tuple[BackupResult, ...] = ()
    verified: tuple[VerifyResult, ...] = ()
    proven_walls: dict[str, float] = field(default_factory=dict)
    surplus: int = 0

    async def overview(self) -> tuple[TargetBackups, ...]:
        return self.targets

    async def run(
        self, target: str, *, accept: bool = False, is_planned: bool = False
    ) -> tuple[BackupResult, ...]:
        self.orders.append((target, accept or is_planned))
        return self.results

    async def verify(self, target: str) -> tuple[VerifyResult, ...]:
        self.orders.append((target, None))
        return self.verified

    async def remove_surplus(self) -> int:
        removed, self.surplus = self.surplus, 0
        return removed

    async def restore(self, target: str, backup_id: str) -> RestoredFile:
        self.restores.append((target, backup_id))
        if self.restore_fails is not None:
            raise BackupEdgeError(self.restore_fails)
        records = (r for backups in self.targets for r in backups.records)
        record = next(record for record in records if record.id == backup_id)
        return RestoredFile(
            f"{record.path}.restored-20260102T030405Z", record, a_container()
        )

    def begin_run(self, target: str, *, accept: bool) -> bool:
        self.orders.append((target, accept))
        return not self.is_busy

    def begin_verification(self, target: str) -> bool:
        self.orders.append((target, None))
        return not self.is_busy

    def last_proven(self) -> Mapping[str, float]:
        return self.proven_walls
