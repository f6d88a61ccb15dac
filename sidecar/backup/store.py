"""The folder of the stored backups: for each backup its bytes and a manifest.

A backup exists once its manifest does: the bytes are on disk before, and a file is
renamed to its name only when it is complete. Everything here blocks: call it in a
thread.
"""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from loguru import logger

from sidecar.core.backup.record import BackupRecord

MOST_RECORDS = 2000
_MANIFEST_BYTES = 64 * 1024
_MANIFEST, _TEMPORARY = ".json", ".tmp"


class Manifest(msgspec.Struct, kw_only=True):
    """The file beside a backup's bytes."""

    version: int = 1
    backup: BackupRecord


class BackupStore:
    """Backups below ``folder``, in one folder for each target."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def records(self, target: str) -> tuple[BackupRecord, ...]:
        """The backups of a target, newest first.

        A manifest that cannot be read is logged, and does not hide the others.
        """
        manifests = (
            self._read_manifest(path)
            for path in sorted(
                self._target_folder(target).glob(f"*{_MANIFEST}"), reverse=True
            )
        )
        records = [record for record in manifests if record is not None][:MOST_RECORDS]
        return tuple(sorted(records, key=lambda r: r.taken_wall, reverse=True))

    def add(self, record: BackupRecord, stored: bytes) -> None:
        """Store a backup. OSError: nothing of it is left."""
        folder = self._target_folder(record.target)
        _make_private(self._folder)
        _make_private(folder)
        data = folder / record.file_name
        with self._lock:
            _write(data, stored)
            try:
                self._write_manifest(record)
            except OSError:
                data.unlink(missing_ok=True)
                raise

    def change(
        self, record: BackupRecord, change: Callable[[BackupRecord], BackupRecord]
    ) -> BackupRecord:
        """Change the stored record of a backup, unless it was removed. OSError.

        ``change`` is applied to the record as it is stored now: another change since
        ``record`` was read is kept.
        """
        with self._lock:
            current = self._read_manifest(self._manifest_path(record))
            changed = change(current or record)
            if current is not None and changed != current:
                self._write_manifest(changed)
        return changed

    def read(self, record: BackupRecord) -> bytes:
        """The stored bytes. OSError."""
        with (self._target_folder(record.target) / record.file_name).open("rb") as file:
            return file.read(2 * record.size_bytes + 1024 * 1024)

    def is_unchanged(self, record: BackupRecord, stored: bytes) -> bool:
        """Are these the bytes that were stored?"""
        return digest_of(stored) == record.stored_sha256

    def remove(self, record: BackupRecord) -> None:
        """Remove a backup. OSError."""
        with self._lock:
            self._manifest_path(record).unlink(missing_ok=True)
            (self._target_folder(record.target) / record.file_name).unlink(
                missing_ok=True
            )
            _sync_folder(self._target_folder(record.target))

    def remove_remains(self, target: str) -> None:
        """Remove what a killed process left: files that belong to no backup. OSError.

        Call it while no backup of the target is being stored.
        """
        folder = self._target_folder(target)
        if not folder.is_dir():
            return
        backup_ids = {path.stem for path in folder.glob(f"*{_MANIFEST}")}
        for path in folder.iterdir():
            is_data = ".wallet" in path.name and path.suffix != _TEMPORARY
            is_orphan = is_data and path.name.partition(".wallet")[0] not in backup_ids
            if path.suffix == _TEMPORARY or is_orphan:
                path.unlink(missing_ok=True)
                logger.info("removed {}, the rest of an unfinished backup", path)

    def _target_folder(self, target: str) -> Path:
        return self._folder / target

    def _manifest_path(self, record: BackupRecord) -> Path:
        return self._target_folder(record.target) / f"{record.id}{_MANIFEST}"

    def _write_manifest(self, record: BackupRecord) -> None:
        text = msgspec.json.encode(Manifest(backup=record))
        _write(self._manifest_path(record), msgspec.json.format(text, indent=2))

    def _read_manifest(self, path: Path) -> BackupRecord | None:
        try:
            with path.open("rb") as file:
                text = file.read(_MANIFEST_BYTES)
            return msgspec.json.decode(text, type=Manifest).backup
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("the manifest {} cannot be read: {}", path, error)
            return None


def digest_of(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _make_private(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(folder.parent)


def _write(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read: complete, or not at all."""
    temporary = path.with_name(path.name + _TEMPORARY)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    with _open_folder(folder) as descriptor:
        os.fsync(descriptor)


@contextlib.contextmanager
def _open_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
