"""Restores beside the wallet: what is refused, and what a cut-off leaves."""

import asyncio
import contextlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.backup.restore import restore_beside
from sidecar.backup.tar_archive import TarFile, TarFolder, build_archive
from sidecar.clock import SystemClock
from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.backup.record import BackupRecord, FileOwner
from sidecar.core.ports.engine import EngineForbidden, FileCopy
from tests.support.fakes import FakeEngine, a_container
from tests.support.restore_process import make_record

PATH = "/data/wallets/default_wallet"
NEW = f"{PATH}.restored-20260528T202640Z"
WALLET = b'{"seed_version": 18, "seed": "twelve words"}'
OLD = FileCopy(b"the wallet that the daemon has now", "1", 1000, 1000, 0o600)
OWNER = FileOwner(1234, 5678, 0o640)
NOW = 1_780_000_000.0


def make_engine() -> FakeEngine:
    engine = FakeEngine(SystemClock(), a_container())
    engine.files[PATH] = [OLD]
    return engine


async def refuse(
    engine: FakeEngine, record: BackupRecord, stored: bytes = WALLET
) -> str:
    with pytest.raises(BackupEdgeError) as caught:
        await restore_beside(engine, a_container(), record, stored, NOW)
    assert engine.files[PATH] == [OLD]
    return str(caught.value)


async def test_restored_file_is_beside_the_old_one_with_its_owner_and_mode() -> None:
    engine, record = make_engine(), make_record(PATH, WALLET, OWNER)
    restored = await restore_beside(engine, a_container(), record, WALLET, NOW)
    assert restored.path == NEW
    (copy,) = engine.files[NEW]
    assert (copy.data, copy.uid, copy.gid, copy.mode) == (WALLET, *OWNER)
    assert engine.files[PATH] == [OLD]
    (rest,) = engine.files[f"{PATH}.restoring"]
    assert b"seed" not in rest.data


async def test_backup_with_another_digest_is_not_restored() -> None:
    engine = make_engine()
    record = make_record(PATH, WALLET)
    assert "digest differs" in await refuse(engine, record, WALLET + b" ")
    assert engine.acts == []


async def test_sealed_backup_is_not_restored_and_names_its_file_and_age() -> None:
    engine = make_engine()
    record = replace(make_record(PATH, WALLET), is_sealed=True)
    words = await refuse(engine, record)
    assert record.file_name in words
    assert "age" in words
    assert engine.acts == []


async def test_file_of_the_same_name_is_never_overwritten() -> None:
    engine = make_engine()
    engine.files[NEW] = [OLD]
    assert "nothing was written" in await refuse(engine, make_record(PATH, WALLET))
    assert engine.files[NEW] == [OLD]


async def test_engine_that_refuses_is_told_with_its_words() -> None:
    engine = make_engine()
    engine.trouble("put_files", EngineForbidden("403: not on the list"))
    words = await refuse(engine, make_record(PATH, WALLET))
    assert "403: not on the list" in words


async def test_file_that_differs_afterwards_is_told() -> None:
    class SpoilingEngine(FakeEngine):
        async def put_files(  # type: ignore[explicit-override]
            self, container_id: str, folder: str, files: bytes
        ) -> None:
            await super().put_files(container_id, folder, files)
            self.files[NEW] = [FileCopy(WALLET, "2", 0, 0, 0o600)]

    engine = SpoilingEngine(SystemClock(), a_container())
    engine.files[PATH] = [OLD]
    assert "do not use it" in await refuse(engine, make_record(PATH, WALLET, OWNER))


async def archive_of_restore(data: bytes) -> bytes:
    """The archive that a restore sends to the engine."""
    archives: list[bytes] = []

    class RecordingEngine(FakeEngine):
        async def put_files(  # type: ignore[explicit-override]
            self, container_id: str, folder: str, files: bytes
        ) -> None:
            archives.append(files)
            await super().put_files(container_id, folder, files)

    engine = RecordingEngine(SystemClock(), a_container())
    record = make_record(PATH, data)
    await restore_beside(engine, a_container(), record, data, NOW)
    return archives[0]


def extract_cut_off(archive: bytes, length: int, folder: Path) -> None:
    """Extract the first bytes of an archive as the engine does: as they come."""
    source = io.BytesIO(archive[:length])
    with (
        contextlib.suppress(tarfile.TarError),
        tarfile.open(fileobj=source, mode="r|") as stream,
    ):
        for entry in stream:
            place = folder / entry.name
            place.unlink(missing_ok=True)
            if entry.islnk():
                place.hardlink_to(folder / entry.linkname)
                continue
            reader = stream.extractfile(entry)
            assert reader is not None
            with place.open("wb") as file, contextlib.suppress(tarfile.TarError):
                while piece := reader.read(512):
                    file.write(piece)


async def test_name_appears_only_when_the_file_is_complete_wherever_it_is_cut(
    tmp_path: Path,
) -> None:
    archive = await archive_of_restore(WALLET * 100)
    name = NEW.rpartition("/")[2]
    existences = set()
    for length in range(0, len(archive) + 1, 256):
        folder = tmp_path / str(length)
        folder.mkdir()
        await asyncio.to_thread(extract_cut_off, archive, length, folder)
        restored = folder / name
        existences.add(restored.exists())
        assert not restored.exists() or restored.read_bytes() == WALLET * 100
    assert existences == {False, True}


@given(
    data=st.binary(max_size=3000),
    uid=st.integers(0, 2**31),
    gid=st.integers(0, 2**31),
    mode=st.integers(0, 0o7777),
)
def test_archive_has_owner_and_permissions_of_each_file(
    data: bytes, uid: int, gid: int, mode: int
) -> None:
    owner = FileOwner(uid, gid, mode)
    path = "/data/" + "long" * 60 + "/지갑"
    archive_bytes = build_archive(
        [TarFolder("/data", owner), TarFile(path, owner, data)]
    )
    with tarfile.open(fileobj=io.BytesIO(archive_bytes)) as archive:
        folder, file = archive.getmembers()
        assert folder.isdir()
        assert file.name == path.removeprefix("/")
        for entry in (folder, file):
            assert (entry.uid, entry.gid, entry.mode) == owner
        reader = archive.extractfile(file)
        assert reader is not None
        assert reader.read() == data
