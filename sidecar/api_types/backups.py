"""Answers about the backups of wallet files."""

from msgspec import Struct

from sidecar.api_types.words import (
    BackupTriggerName,
    EncryptionName,
    FindingName,
    Instant,
    ProofWayName,
)


class BackupProof(Struct, frozen=True):
    """The last proof of one way that a backup can be used."""

    way: ProofWayName
    at: Instant


class StoredBackup(Struct, frozen=True):
    """One backup. ``sha256`` is of the wallet file, ``stored_sha256`` of what is kept.

    ``addresses`` null: not known. ``proofs``: the newest first. ``offsite_at``: when it
    was sent off this host, read again and found equal. ``broken_at``: when the kept
    bytes were found changed or gone.
    """

    id: str
    path: str
    taken_at: Instant
    trigger: BackupTriggerName
    bytes: int
    sha256: str
    stored_sha256: str
    sealed: bool
    encryption: EncryptionName
    addresses: int | None
    seen_at: Instant
    proofs: tuple[BackupProof, ...]
    offsite_at: Instant | None
    broken_at: Instant | None


class WalletFinding(Struct, frozen=True):
    """A finding about a wallet file; with ``holds`` it holds restarts."""

    finding: FindingName
    reason: str
    holds: bool


class FileResult(Struct, frozen=True):
    """The result of the last backup of one wallet file.

    ``backup``: the id of the backup that has its content; null: none was stored.
    ``new``: it was stored by this run; otherwise the file was unchanged. ``failure``:
    why the file was not judged, or not stored; ``offsite_failure``: why it was not sent
    off this host; ``test``: why the restore test did not prove it.
    """

    path: str
    at: Instant
    backup: str | None
    new: bool
    findings: tuple[WalletFinding, ...]
    failure: str
    offsite_failure: str
    test: str


class VerifiedBackup(Struct, frozen=True):
    """The result of the last verification of one backup."""

    backup: str
    whole: bool
    reason: str


class BackupsOfTarget(Struct, frozen=True):
    """The backups of one target, newest first. ``busy``: an order is under way."""

    target: str
    last_proven_at: Instant | None
    proven_by: ProofWayName | None
    busy: bool
    backups: tuple[StoredBackup, ...]
    last: tuple[FileResult, ...]
    verified: tuple[VerifiedBackup, ...]


class BackupList(Struct, frozen=True):
    """The backups of all targets that have settings of backups."""

    targets: tuple[BackupsOfTarget, ...]


class BackupBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a backup by order.

    ``accept``: the files are right as they are, and later copies are compared with
    them.
    """

    accept: bool = False


class RestoredBackup(Struct, frozen=True):
    """A backup that was put beside the wallet file; ``path`` is the new file.

    ``mode`` is octal. ``service`` is empty for a container without one.
    """

    target: str
    backup: str
    container: str
    service: str
    path: str
    wallet_path: str
    uid: int
    gid: int
    mode: str
    bytes: int
    sha256: str


class OrderBegun(Struct, frozen=True):
    """The order has begun; the list of backups has its result."""

    target: str
    begun_at: Instant
