"""Results of backups and of their verification."""

from dataclasses import dataclass

from sidecar.core.backup.finding import Finding, find_damage
from sidecar.core.backup.record import BackupRecord
from sidecar.core.model.container import Container
from sidecar.core.reason.reason import NO_REASON, Reason


@dataclass(frozen=True, slots=True)
class BackupResult:
    """Result of the backup of one wallet file.

    ``record``: the backup that has the file's present content; None: it was not stored.
    ``is_new``: it was stored now; otherwise the file is unchanged since that backup.
    ``failure``: why the file was not judged, or not stored; a failure says nothing
    about the file. ``offsite_failure``: why it was not sent off this host.
    ``test``: the result of the restore test, if it did not prove the backup.
    """

    path: str
    at_wall: float
    record: BackupRecord | None = None
    is_new: bool = False
    findings: tuple[Finding, ...] = ()
    failure: Reason = NO_REASON
    offsite_failure: Reason = NO_REASON
    test: Reason = NO_REASON

    @property
    def damage(self) -> Reason | None:
        """The damage of the wallet file on disk; None: none was found."""
        return find_damage(self.findings)

    @property
    def is_judged(self) -> bool:
        """Was the wallet file judged, whether good or bad?"""
        return bool(self.findings) or self.record is not None


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Result of the verification of one stored backup.

    ``reason``: what is wrong with it, or why its restore test was not possible.
    """

    record: BackupRecord
    is_whole: bool
    reason: Reason = NO_REASON


@dataclass(frozen=True, slots=True)
class TargetBackups:
    """The backups of one target.

    ``last`` and ``verified``: the results of the last backup, and of the last
    verification, of this process. ``is_busy``: an order is being carried out.
    """

    target: str
    records: tuple[BackupRecord, ...]
    last: tuple[BackupResult, ...] = ()
    verified: tuple[VerifyResult, ...] = ()
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class RestoredFile:
    """A backup that was put into the container; ``path`` is the new file."""

    path: str
    record: BackupRecord
    container: Container
