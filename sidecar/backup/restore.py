"""Puts a backup beside the wallet file that the daemon has now, never over it."""

import asyncio
from datetime import UTC, datetime
from pathlib import PurePosixPath

from sidecar.backup.source import Sources
from sidecar.backup.store import BackupStore, digest_of
from sidecar.backup.tar_archive import TarFile, build_archive
from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.backup.record import BackupRecord, FileOwner
from sidecar.core.backup.result import RestoredFile
from sidecar.core.model.container import Container
from sidecar.core.ports.engine import ContainerFiles, EngineError, FileAbsent
from sidecar.core.ports.loop import Clock
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason

_NOTE = (
    "Sidecar restored a backup as {name}.\n"
    "This note is no wallet, and can be removed.\n"
)


class BackupRestorer:
    """Restores stored backups by order of an operator."""

    def __init__(
        self,
        files: ContainerFiles,
        store: BackupStore,
        clock: Clock,
        sources: Sources,
    ) -> None:
        self._files = files
        self._store = store
        self._clock = clock
        self._sources = sources

    async def restore(self, target: str, backup_id: str) -> RestoredFile:
        """Put a stored backup beside its wallet file, in the daemon's container.

        The container need not run. BackupEdgeError.
        """
        source = next((s for s in self._sources() if s.target.name == target), None)
        if source is None or source.container is None:
            raise BackupEdgeError(Reason.of(R.BACKUP_NO_CONTAINER))
        records = await asyncio.to_thread(self._store.records, target)
        record = next((r for r in records if r.id == backup_id), None)
        if record is None:
            raise BackupEdgeError(Reason.of(R.RESTORE_UNKNOWN))
        try:
            stored = await asyncio.to_thread(self._store.read, record)
        except OSError as error:
            raise BackupEdgeError(Reason.of(R.BACKUP_GONE)) from error
        return await restore_beside(
            self._files, source.container, record, stored, self._clock.now().wall
        )


async def restore_beside(
    files: ContainerFiles,
    container: Container,
    record: BackupRecord,
    stored: bytes,
    now_wall: float,
) -> RestoredFile:
    """Write a backup into the container as a new file, read it again and compare.

    The file has the owner and the permissions that the wallet file had. Its name
    appears only when the file is complete. BackupEdgeError: there is no such file, or
    the reason tells that it must not be used.
    """
    if digest_of(stored) != record.stored_sha256:
        raise BackupEdgeError(Reason.of(R.RESTORE_CHANGED))
    if record.is_sealed:
        reason = Reason.of(R.RESTORE_SEALED, file=record.file_name)
        raise BackupEdgeError(reason)
    path = _path_beside(record.path, now_wall)
    try:
        await _refuse_to_overwrite(files, container.id, path)
        archive = await asyncio.to_thread(_build, path, record, stored)
        folder = str(PurePosixPath(path).parent)
        await files.put_files(container.id, folder, archive)
        await _compare(files, container.id, path, record)
    except EngineError as error:
        reason = Reason.of(R.RESTORE_ENGINE, said=str(error))
        raise BackupEdgeError(reason) from error
    return RestoredFile(path, record, container)


def _path_beside(wallet_path: str, now_wall: float) -> str:
    now = datetime.fromtimestamp(now_wall, UTC)
    return f"{wallet_path}.restored-{now:%Y%m%dT%H%M%SZ}"


async def _refuse_to_overwrite(
    files: ContainerFiles, container_id: str, path: str
) -> None:
    try:
        await files.file_version(container_id, path)
    except FileAbsent:
        return
    raise BackupEdgeError(Reason.of(R.RESTORE_NAME_TAKEN, file=path))


def _build(path: str, record: BackupRecord, data: bytes) -> bytes:
    """An archive whose extraction can be cut off anywhere.

    The engine extracts an archive as it comes, and renames nothing. So the data get
    another name first; the wanted name is a link to the complete file; at last the
    first name becomes a note.
    """
    name = PurePosixPath(path).name
    first_name = f"{PurePosixPath(record.path).name}.restoring"
    owner, taken_wall = record.owner, record.taken_wall
    note = _NOTE.format(name=name).encode()
    return build_archive(
        [
            TarFile(first_name, owner, data, taken_wall),
            TarFile(name, owner, link_to=first_name, modified_wall=taken_wall),
            TarFile(first_name, owner, note, taken_wall),
        ]
    )


async def _compare(
    files: ContainerFiles, container_id: str, path: str, record: BackupRecord
) -> None:
    copy = await files.read_file(container_id, path, record.size_bytes)
    owner = FileOwner(copy.uid, copy.gid, copy.mode)
    if digest_of(copy.data) != record.sha256 or owner != record.owner:
        raise BackupEdgeError(Reason.of(R.RESTORE_DIFFERS, file=path))
