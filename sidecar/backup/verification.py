"""Verification of stored backups: read again, compared, parsed, loaded."""

import asyncio
from dataclasses import replace

from sidecar.backup.file_backup import BackupTools, change_record
from sidecar.backup.store import digest_of
from sidecar.core.backup.edges import WalletCopy
from sidecar.core.backup.record import BackupRecord, Proof, ProofWay
from sidecar.core.backup.result import VerifyResult
from sidecar.core.backup.wallet_content import WalletContent, read_wallet
from sidecar.core.model.container import Container
from sidecar.core.model.target import Target
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason


async def verify_record(
    tools: BackupTools,
    record: BackupRecord,
    target: Target,
    container: Container | None,
) -> VerifyResult:
    """Read a stored backup again, and prove it as far as possible; it never raises.

    Of a sealed backup only the stored bytes are compared: its key is not here.
    ``container`` None: no restore test.
    """
    try:
        stored = await asyncio.to_thread(tools.store.read, record)
    except OSError:
        return await _note_broken(tools, record, Reason.of(R.BACKUP_GONE))
    if await asyncio.to_thread(digest_of, stored) != record.stored_sha256:
        return await _note_broken(tools, record, Reason.of(R.BACKUP_CHANGED))
    if record.is_sealed:
        return await _note_sound(tools, record, ())
    return await _prove(tools, record, stored, target, container)


async def _prove(
    tools: BackupTools,
    record: BackupRecord,
    wallet: bytes,
    target: Target,
    container: Container | None,
) -> VerifyResult:
    """Parse a plain backup whose bytes are unchanged, and test its restore."""
    now_wall = tools.clock.now().wall
    content = await asyncio.to_thread(read_wallet, wallet)
    if not isinstance(content, WalletContent):
        return await _note_broken(tools, record, Reason.of(R.BACKUP_CHANGED))
    proof = Proof(content.way, now_wall)
    has_test = target.backup is not None and target.backup.restore_test is not None
    if tools.test_restore is None or container is None or not has_test:
        return await _note_sound(tools, record, (proof,))
    copy = WalletCopy(record.path, wallet, record.owner)
    test = await tools.test_restore(target, container, copy)
    if test.is_loaded:
        loaded = Proof(ProofWay.LOADED, tools.clock.now().wall)
        return await _note_sound(tools, record, (proof, loaded))
    result = await _note_sound(tools, record, (proof,))
    return replace(result, is_whole=test.is_loaded is None, reason=test.reason)


async def _note_broken(
    tools: BackupTools, record: BackupRecord, reason: Reason
) -> VerifyResult:
    """Note that the stored bytes are not usable: they prove nothing any more."""
    now_wall = tools.clock.now().wall
    changed = await change_record(
        tools.store,
        record,
        lambda r: replace(r, proofs=(), broken_wall=r.broken_wall or now_wall),
    )
    return VerifyResult(changed, is_whole=False, reason=reason)


async def _note_sound(
    tools: BackupTools, record: BackupRecord, proofs: tuple[Proof, ...]
) -> VerifyResult:
    def add_proofs(current: BackupRecord) -> BackupRecord:
        changed = replace(current, broken_wall=None)
        for proof in proofs:
            changed = changed.with_proof(proof)
        return changed

    changed = await change_record(tools.store, record, add_proofs)
    return VerifyResult(changed, is_whole=True)
