"""A stored backup, as its manifest describes it."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sidecar.core.model.record_copy import replace


class Encryption(StrEnum):
    """Part of a wallet file that is encrypted by the wallet's password."""

    NONE = "none"
    KEYS = "keys"
    """Its private keys; addresses and history can be read."""
    FILE = "file"
    """The whole file."""


class BackupTrigger(StrEnum):
    """Why a backup was taken.

    One of before a restart whose wallet is found unchanged later is of that reason.
    """

    SCHEDULE = "schedule"
    RESTART = "restart"
    """Before a restart of the daemon."""
    OPERATOR = "operator"


class ProofWay(StrEnum):
    """Ways to prove a backup, the strongest first."""

    LOADED = "loaded"
    """A fresh daemon of the same image, without network, loaded it."""
    PARSED = "parsed"
    """The whole file was parsed, and has its keys and addresses."""
    WHOLE = "whole"
    """The file is encrypted as a whole, and complete by its form."""


class Proof(NamedTuple):
    """A proof that a backup can be used, and its time (seconds since 1970)."""

    way: ProofWay
    at_wall: float


class FileOwner(NamedTuple):
    """The owner and the permissions of the wallet file in the container."""

    uid: int
    gid: int
    mode: int


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """One backup of one wallet file.

    ``sha256`` is of the wallet file, ``stored_sha256`` of the stored bytes, which are
    sealed if ``is_sealed``. ``addresses`` None: not known, as in an encrypted file.
    ``identity``: of the wallet, empty if not known. ``sealed_for``: a digest of the
    recipients, empty if not known.
    ``seen_wall``: the last time at which the wallet was found unchanged since.
    ``proofs``: the last proof of each way. ``offsite_wall``: when the stored bytes were
    sent off this host, read again and found equal; None: they were not.
    ``broken_wall``: when they were found changed or gone here; None: they were not.
    """

    id: str
    target: str
    path: str
    taken_wall: float
    trigger: BackupTrigger
    size_bytes: int
    sha256: str
    stored_sha256: str
    is_sealed: bool
    owner: FileOwner
    encryption: Encryption
    addresses: int | None
    image: str
    seen_wall: float
    proofs: tuple[Proof, ...] = ()
    offsite_wall: float | None = None
    identity: str = ""
    sealed_for: str = ""
    broken_wall: float | None = None

    @property
    def last_proof(self) -> Proof | None:
        """The newest proof; of two at the same time, the stronger; None: none yet."""
        ways = tuple(ProofWay)
        return max(
            self.proofs,
            key=lambda proof: (proof.at_wall, -ways.index(proof.way)),
            default=None,
        )

    @property
    def file_name(self) -> str:
        """The name of the file with the stored bytes, here and off this host."""
        return f"{self.id}.wallet{'.age' if self.is_sealed else ''}"

    def with_proof(self, proof: Proof) -> "BackupRecord":
        """The same record with a new proof, instead of an earlier one of its way."""
        others = tuple(p for p in self.proofs if p.way is not proof.way)
        return replace(self, proofs=(*others, proof))

    def is_stored_for(self, recipients: tuple[str, ...]) -> bool:
        """Is it stored as it is to be now: sealed to these, or plain without any?"""
        if not recipients or not self.is_sealed:
            return self.is_sealed == bool(recipients)
        return self.sealed_for == digest_of_recipients(recipients)

    def with_sighting(
        self, at_wall: float, owner: FileOwner, trigger: BackupTrigger
    ) -> "BackupRecord":
        """The same record after the wallet was found unchanged."""
        if trigger is BackupTrigger.RESTART:
            trigger = self.trigger
        return replace(self, seen_wall=at_wall, owner=owner, trigger=trigger)


def digest_of_recipients(recipients: tuple[str, ...]) -> str:
    """The digest of the keys that a backup is sealed to, in any order; none: empty."""
    if not recipients:
        return ""
    return hashlib.sha256("\n".join(sorted(recipients)).encode()).hexdigest()
