"""The answers about backups of wallet files."""

from collections.abc import Sequence

from sidecar.api_types.backups import (
    BackupList,
    BackupProof,
    BackupsOfTarget,
    FileResult,
    RestoredBackup,
    StoredBackup,
    VerifiedBackup,
    WalletFinding,
)
from sidecar.core.backup.record import BackupRecord, ProofWay
from sidecar.core.backup.result import (
    BackupResult,
    RestoredFile,
    TargetBackups,
    VerifyResult,
)
from sidecar.core.backup.rotation import last_proven
from sidecar.core.text.formatting import rfc3339


def backup_list(targets: Sequence[TargetBackups]) -> BackupList:
    """All backups of all targets."""
    return BackupList(targets=tuple(map(_of_target, targets)))


def restored_backup(restored: RestoredFile) -> RestoredBackup:
    """A backup that was restored."""
    record, container = restored.record, restored.container
    return RestoredBackup(
        target=record.target,
        backup=record.id,
        container=container.name,
        service=container.service,
        path=restored.path,
        wallet_path=record.path,
        uid=record.owner.uid,
        gid=record.owner.gid,
        mode=f"{record.owner.mode:04o}",
        bytes=record.size_bytes,
        sha256=record.sha256,
    )


def _of_target(backups: TargetBackups) -> BackupsOfTarget:
    newest = last_proven(backups.records)
    proof = newest.last_proof if newest is not None else None
    return BackupsOfTarget(
        target=backups.target,
        last_proven_at=rfc3339(proof.at_wall) if proof is not None else None,
        proven_by=proof.way.value if proof is not None else None,
        busy=backups.is_busy,
        backups=tuple(map(_stored_backup, backups.records)),
        last=tuple(map(_file_result, backups.last)),
        verified=tuple(map(_verified_backup, backups.verified)),
    )


def _stored_backup(record: BackupRecord) -> StoredBackup:
    return StoredBackup(
        id=record.id,
        path=record.path,
        taken_at=rfc3339(record.taken_wall),
        trigger=record.trigger.value,
        bytes=record.size_bytes,
        sha256=record.sha256,
        stored_sha256=record.stored_sha256,
        sealed=record.is_sealed,
        encryption=record.encryption.value,
        addresses=record.addresses,
        seen_at=rfc3339(record.seen_wall),
        proofs=_proofs(record),
        offsite_at=_instant(record.offsite_wall),
        broken_at=_instant(record.broken_wall),
    )


def _proofs(record: BackupRecord) -> tuple[BackupProof, ...]:
    strength = tuple(ProofWay).index
    proofs = sorted(record.proofs, key=lambda p: (-p.at_wall, strength(p.way)))
    return tuple(BackupProof(p.way.value, rfc3339(p.at_wall)) for p in proofs)


def _file_result(result: BackupResult) -> FileResult:
    return FileResult(
        path=result.path,
        at=rfc3339(result.at_wall),
        backup=result.record.id if result.record is not None else None,
        new=result.is_new,
        findings=tuple(
            WalletFinding(f.code.value, str(f.reason), f.code.is_damage)
            for f in result.findings
        ),
        failure=str(result.failure),
        offsite_failure=str(result.offsite_failure),
        test=str(result.test),
    )


def _verified_backup(result: VerifyResult) -> VerifiedBackup:
    return VerifiedBackup(result.record.id, result.is_whole, str(result.reason))


def _instant(wall: float | None) -> str | None:
    return rfc3339(wall) if wall is not None else None
