"""The backup of one wallet file: copied, judged, stored, proven, sent off-site."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from loguru import logger

from sidecar.backup.store import BackupStore, digest_of
from sidecar.backup.wallet_copy import copy_wallet
from sidecar.core.backup.checks import CopiedFile, find_absence, find_faults
from sidecar.core.backup.edges import (
    BackupEdgeError,
    OffsiteSender,
    RestoreTester,
    Sealer,
    WalletCopy,
)
from sidecar.core.backup.finding import Finding, FindingCode, find_damage
from sidecar.core.backup.record import (
    BackupRecord,
    BackupTrigger,
    FileOwner,
    Proof,
    ProofWay,
    digest_of_recipients,
)
from sidecar.core.backup.result import BackupResult
from sidecar.core.backup.rotation import find_removable, last_good
from sidecar.core.backup.wallet_content import WalletContent, read_wallet
from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.container import Container
from sidecar.core.model.target import Target
from sidecar.core.ports.engine import ContainerFiles, FileAbsent, FileCopy
from sidecar.core.ports.loop import Clock
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason


@dataclass(frozen=True, slots=True)
class BackupTools:
    """Parts that a backup uses.

    The edges are used where the settings ask for them.
    """

    files: ContainerFiles
    store: BackupStore
    clock: Clock
    seal: Sealer | None = None
    send_offsite: OffsiteSender | None = None
    test_restore: RestoreTester | None = None


@dataclass(frozen=True, slots=True)
class BackupOrder:
    """One file of one container that is to be copied.

    ``accept``: the file is right as it is, and is not compared with its last backup.
    """

    target: Target
    settings: BackupSettings
    container: Container
    path: str
    trigger: BackupTrigger
    accept: bool = False


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A result, with the plain copy in memory for the restore test; None: no copy."""

    result: BackupResult
    plain: bytes | None = None


def find_damaged_file(copies: Iterable[StoredCopy]) -> Reason | None:
    """The damage of the first damaged file; None: none is damaged."""
    return next((c.result.damage for c in copies if c.result.damage), None)


def fail_files(
    target: Target, at_wall: float, reason: Reason
) -> tuple[BackupResult, ...]:
    """The same failure of each wallet file."""
    paths = target.backup.path if target.backup is not None else ()
    return tuple(BackupResult(path, at_wall, failure=reason) for path in paths)


async def store_copy(tools: BackupTools, order: BackupOrder) -> StoredCopy:
    """Copy, judge and store a file; a damaged file is not stored. It never raises."""
    at_wall = tools.clock.now().wall
    fail = partial(_failure_of, order.path, at_wall)
    records = await asyncio.to_thread(tools.store.records, order.target.name)
    last = last_good(records, order.path)
    try:
        copy = await copy_wallet(tools.files, order.container.id, order.path)
        return await asyncio.to_thread(
            _judge_and_store, tools, order, copy, last, at_wall
        )
    except FileAbsent:
        findings = find_absence(order.path, last)
        if findings:
            return StoredCopy(BackupResult(order.path, at_wall, findings=findings))
        return fail(Reason.of(R.BACKUP_FILE_ABSENT, file=order.path))
    except BackupEdgeError as error:
        return fail(error.reason)
    except OSError as error:
        os_text = error.strerror or type(error).__name__
        return fail(Reason.of(R.BACKUP_NOT_STORED, said=os_text))


def _failure_of(path: str, at_wall: float, reason: Reason) -> StoredCopy:
    return StoredCopy(BackupResult(path, at_wall, failure=reason))


def _judge_and_store(
    tools: BackupTools,
    order: BackupOrder,
    copy: FileCopy,
    last: BackupRecord | None,
    at_wall: float,
) -> StoredCopy:
    """Judge a copy and store it; it blocks. OSError, BackupEdgeError.

    The clock belongs to the loop's thread: ``at_wall`` is the time of the copy.
    """
    owner = FileOwner(copy.uid, copy.gid, copy.mode)
    content = read_wallet(copy.data)
    wallet = order.target.wallet
    findings = find_faults(
        CopiedFile(order.path, len(copy.data), owner),
        content,
        None if order.accept else last,
        has_password=wallet is not None and bool(wallet.wallet_password),
    )
    result = BackupResult(order.path, at_wall, findings=findings)
    if find_damage(findings) is not None or not isinstance(content, WalletContent):
        return StoredCopy(result)
    sha256, proof = digest_of(copy.data), Proof(content.way, at_wall)
    if last is not None and _is_stored_already(tools.store, order, last, sha256):
        record = tools.store.change(
            last,
            lambda r: r.with_sighting(at_wall, owner, order.trigger).with_proof(proof),
        )
        return StoredCopy(replace(result, record=record), copy.data)
    stored = copy.data
    if order.settings.recipients:
        assert tools.seal is not None
        stored = tools.seal(copy.data, order.settings.recipients)
    unproven = _make_record(order, content, owner, copy.data, stored, at_wall)
    record = unproven.with_proof(proof)
    tools.store.add(record, stored)
    remove_surplus(tools.store, order.target.name, order.settings.keep)
    return StoredCopy(replace(result, record=record, is_new=True), copy.data)


def _is_stored_already(
    store: BackupStore, order: BackupOrder, last: BackupRecord, sha256: str
) -> bool:
    """Is the last backup of this content, stored as the settings want it, and whole?"""
    is_same = last.sha256 == sha256 and last.is_stored_for(order.settings.recipients)
    return is_same and _is_stored_whole(store, last)


def _is_stored_whole(store: BackupStore, record: BackupRecord) -> bool:
    """Are the stored bytes still those that were stored?"""
    try:
        return store.is_unchanged(record, store.read(record))
    except OSError:
        return False


def _make_record(
    order: BackupOrder,
    content: WalletContent,
    owner: FileOwner,
    plain: bytes,
    stored: bytes,
    at_wall: float,
) -> BackupRecord:
    sha256 = digest_of(plain)
    taken_at = datetime.fromtimestamp(at_wall, UTC)
    # Another file may have the same content, and may be copied in the same second.
    mark = digest_of(order.path.encode() + b"\0" + plain)[:8]
    return BackupRecord(
        id=f"{taken_at:%Y%m%dT%H%M%SZ}-{mark}",
        target=order.target.name,
        path=order.path,
        taken_wall=at_wall,
        trigger=order.trigger,
        size_bytes=len(plain),
        sha256=sha256,
        stored_sha256=digest_of(stored),
        is_sealed=bool(order.settings.recipients),
        owner=owner,
        encryption=content.encryption,
        addresses=content.addresses,
        image=order.container.image_id,
        seen_wall=at_wall,
        identity=content.identity,
        sealed_for=digest_of_recipients(order.settings.recipients),
    )


def remove_surplus(store: BackupStore, target: str, keep: int) -> int:
    """Remove the backups of a target beyond ``keep``; the number removed."""
    removed = 0
    for record in find_removable(store.records(target), keep):
        try:
            store.remove(record)
        except OSError as error:
            logger.warning("backup {} cannot be removed: {}", record.id, error)
        else:
            removed += 1
    return removed


async def prove_and_send(
    tools: BackupTools, order: BackupOrder, copy: StoredCopy
) -> BackupResult:
    """Test the restore of a stored copy, and send it off-site; it never raises."""
    result = copy.result
    if result.record is None:
        return result
    if order.settings.restore_test is not None and copy.plain is not None:
        result = await _test(tools, order, result, copy.plain)
    if order.settings.offsite is not None and result.record is not None:
        result = await _send(tools, order, result)
    return result


async def _test(
    tools: BackupTools, order: BackupOrder, result: BackupResult, plain: bytes
) -> BackupResult:
    assert tools.test_restore is not None
    assert result.record is not None
    wallet = WalletCopy(order.path, plain, result.record.owner)
    test = await tools.test_restore(order.target, order.container, wallet)
    if test.is_loaded:
        proof = Proof(ProofWay.LOADED, tools.clock.now().wall)
        record = await change_record(
            tools.store, result.record, lambda r: r.with_proof(proof)
        )
        return replace(result, record=record)
    result = replace(result, test=test.reason)
    if test.is_loaded is None:
        return result
    finding = Finding(FindingCode.NOT_LOADED, test.reason)
    return replace(result, findings=(*result.findings, finding))


async def _send(
    tools: BackupTools, order: BackupOrder, result: BackupResult
) -> BackupResult:
    record, place = result.record, order.settings.offsite
    assert record is not None
    assert place is not None
    assert tools.send_offsite is not None
    if record.offsite_wall is not None or not record.is_sealed:
        return result
    try:
        stored = await asyncio.to_thread(tools.store.read, record)
        failure = await tools.send_offsite(place, record.file_name, stored)
    except BackupEdgeError as error:
        failure = error.reason
    except OSError as error:
        os_text = error.strerror or type(error).__name__
        failure = Reason.of(R.BACKUP_NOT_STORED, said=os_text)
    if failure:
        return replace(result, offsite_failure=failure)
    sent_wall = tools.clock.now().wall
    record = await change_record(
        tools.store, record, lambda r: replace(r, offsite_wall=sent_wall)
    )
    return replace(result, record=record)


async def change_record(
    store: BackupStore,
    record: BackupRecord,
    change: Callable[[BackupRecord], BackupRecord],
) -> BackupRecord:
    """Change a stored record; a disk that fails is logged, and raises nothing."""
    try:
        return await asyncio.to_thread(store.change, record, change)
    except OSError as error:
        logger.warning("backup {}: no manifest can be written: {}", record.id, error)
        return change(record)
