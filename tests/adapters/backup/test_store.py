"""The folder of backups: whole or not there, also after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sidecar.backup.store import BackupStore, digest_of
from sidecar.core.backup.record import BackupRecord
from tests.support.backup_records import make_record

TARGET = "wallet"
KILLS = int(os.environ.get("SIDECAR_TEST_KILLS", "12"))
WRITER = """
import sys
from pathlib import Path
from sidecar.backup.store import BackupStore, digest_of
from tests.support.backup_records import make_record, plain_wallet
store = BackupStore(Path(sys.argv[1]))
print("begun", flush=True)
for number in range(int(sys.argv[2]), 10**9):
    data = plain_wallet(receiving=2000, label=number)
    record = make_record(
        id=f"{number:09}",
        taken_wall=float(number),
        size_bytes=len(data),
        stored_sha256=digest_of(data),
    )
    store.add(record, data)
    print(number, flush=True)
    store.change(record, lambda r: r)
    for old in store.records("wallet")[3:]:
        store.remove(old)
"""


@pytest.fixture
def store(tmp_path: Path) -> BackupStore:
    return BackupStore(tmp_path / "backups")


def add(store: BackupStore, number: int, data: bytes = b"wallet") -> BackupRecord:
    record = make_record(
        id=f"b{number}",
        taken_wall=float(number),
        size_bytes=len(data),
        stored_sha256=digest_of(data),
    )
    store.add(record, data)
    return record


def names(tmp_path: Path) -> set[str]:
    # A writer that is killed early has made no folder yet.
    return {path.name for path in (tmp_path / "backups" / TARGET).glob("*")}


def test_records_are_listed_newest_first(store: BackupStore) -> None:
    added = [add(store, number) for number in (2, 1, 3)]
    assert store.records(TARGET) == (added[2], added[0], added[1])
    assert store.records("another") == ()


def test_unreadable_manifest_hides_no_other_backup(
    store: BackupStore, tmp_path: Path
) -> None:
    add(store, 1)
    (tmp_path / "backups" / TARGET / "b2.json").write_text('{"version": 1, "bac')
    assert [record.id for record in store.records(TARGET)] == ["b1"]


def test_change_keeps_another_change_since_the_record_was_read(
    store: BackupStore,
) -> None:
    record = add(store, 1)
    store.change(record, lambda _: make_record(id="b1", seen_wall=5.0))
    changed = store.change(
        record, lambda r: make_record(id="b1", seen_wall=r.seen_wall, offsite_wall=6.0)
    )
    assert (changed.seen_wall, changed.offsite_wall) == (5.0, 6.0)


def test_change_does_not_bring_a_removed_backup_back(
    store: BackupStore, tmp_path: Path
) -> None:
    record = add(store, 1)
    store.remove(record)
    store.change(record, lambda r: r)
    assert (store.records(TARGET), names(tmp_path)) == ((), set())


def test_failed_manifest_leaves_no_bytes(store: BackupStore, tmp_path: Path) -> None:
    add(store, 1)
    (tmp_path / "backups" / TARGET / "b2.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        add(store, 2)
    assert names(tmp_path) == {"b1.json", "b1.wallet", "b2.json"}


def test_remains_of_a_killed_process_are_removed(
    store: BackupStore, tmp_path: Path
) -> None:
    add(store, 1)
    folder = tmp_path / "backups" / TARGET
    for name in ("b2.wallet", "b3.wallet.age", "b4.wallet.tmp", "b1.json.tmp"):
        (folder / name).write_text("half")
    store.remove_remains(TARGET)
    assert names(tmp_path) == {"b1.json", "b1.wallet"}


def test_kill_in_the_middle_loses_nothing_and_leaves_nothing_half(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "backups"
    store = BackupStore(folder)
    first = 1
    for kill in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(first)],
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
        if kill % 2:  # the others may be killed before their first backup
            assert int(writer.stdout.readline()) == first
        time.sleep(0.02 + 0.013 * (kill % 7))  # the moment of the kill is arbitrary
        writer.send_signal(signal.SIGKILL)
        writer.wait(timeout=60.0)
        writer.stdout.close()
        records = store.records(TARGET)
        for record in records:
            assert digest_of(store.read(record)) == record.stored_sha256
        store.remove_remains(TARGET)
        assert store.records(TARGET) == records
        expected_names = {
            f"{record.id}{end}" for record in records for end in (".json", ".wallet")
        }
        assert names(tmp_path) == expected_names
        if records:
            assert int(records[0].id) >= first - 1
            first = int(records[0].id) + 1
    assert first > KILLS // 2
