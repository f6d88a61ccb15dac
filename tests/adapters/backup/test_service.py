"""Backups: taken, judged, stored, rotated, proven; before restarts and by order."""

import asyncio
from pathlib import Path

import pytest

from sidecar.core.backup.edges import RestoreTestResult
from sidecar.core.backup.finding import FindingCode as F
from sidecar.core.backup.record import BackupTrigger, Encryption, ProofWay
from sidecar.core.model.backup_settings import OffsiteSettings
from sidecar.core.ports.engine import EngineForbidden, EngineRefused
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from tests.support.backup_bench import NAME, BackupBench, file_copy
from tests.support.backup_records import PATH, encrypted_wallet, plain_wallet

WALLET = plain_wallet()
LARGER = plain_wallet(receiving=25)
PLACE = OffsiteSettings("https://dav.example/")
RECIPIENT = "age1recipient"
TOLD = Reason.of(R.BACKUP_GONE)


@pytest.fixture
def bench(tmp_path: Path) -> BackupBench:
    bench = BackupBench(tmp_path)
    bench.put(WALLET)
    return bench


# --- a backup


async def test_first_backup_is_stored_with_digest_and_manifest(
    bench: BackupBench,
) -> None:
    result = await bench.run()
    (record,) = await bench.records()
    assert result.record == record
    assert result.is_new
    assert (record.size_bytes, record.addresses) == (len(WALLET), 30)
    assert record.encryption is Encryption.NONE
    assert record.owner == (1000, 1000, 0o600)
    assert record.image == "sha256:wallet"
    assert record.last_proof is not None
    assert record.last_proof.way is ProofWay.PARSED
    assert await bench.read(record) == WALLET
    assert bench.files() == {f"{record.id}.json", f"{record.id}.wallet"}
    assert bench.service.last_proven() == {NAME: record.last_proof.at_wall}
    assert bench.checks() == [False]


async def test_unchanged_wallet_proves_its_backup_again(bench: BackupBench) -> None:
    first = (await bench.run()).record
    second = await bench.run()
    (record,) = await bench.records()
    assert first is not None
    assert (second.is_new, second.record) == (False, record)
    assert record.id == first.id
    assert record.seen_wall == first.seen_wall + 60.0
    assert record.last_proof is not None
    assert record.last_proof.at_wall == first.taken_wall + 60.0


async def test_surplus_backups_are_removed_after_keep_was_lowered(
    bench: BackupBench,
) -> None:
    bench.configure(keep=10)
    for receiving in (30, 31, 32, 33):
        bench.put(plain_wallet(receiving=receiving))
        await bench.run()
    newest = (await bench.records())[0]
    bench.configure(keep=1)
    assert await bench.service.remove_surplus() == 3
    assert await bench.records() == (newest,)
    assert await bench.service.remove_surplus() == 0


async def test_unchanged_wallet_with_damaged_backup_is_stored_again(
    bench: BackupBench,
) -> None:
    record = (await bench.run()).record
    assert record is not None
    (bench.folder / NAME / record.file_name).write_bytes(b"rotten")
    result = await bench.run()
    assert result.is_new
    assert result.record is not None
    assert await bench.read(result.record) == WALLET


async def test_oldest_backups_are_removed_but_the_last_loaded_is_kept(
    bench: BackupBench,
) -> None:
    bench.test = RestoreTestResult(True, NO_REASON)
    first = (await bench.run()).record
    bench.test = RestoreTestResult(None, TOLD)
    for count in range(21, 29):
        bench.put(plain_wallet(receiving=count))
        await bench.run()
    records = await bench.records()
    assert [record.addresses for record in records] == [38, 37, 36, 30]
    assert first is not None
    assert records[-1].id == first.id
    assert len(bench.files()) == 8


async def test_files_of_equal_content_have_a_backup_each(bench: BackupBench) -> None:
    other = "/data/wallets/copy"
    bench.configure(path=(PATH, other))
    bench.engine.files[other] = [file_copy(WALLET)]
    await bench.service.run(NAME)
    assert {record.path for record in await bench.records()} == {PATH, other}


async def test_copy_is_taken_again_while_the_file_changes(bench: BackupBench) -> None:
    bench.put(file_copy(WALLET[:200], "1"), file_copy(b"", "2"), file_copy(LARGER, "3"))
    result = await bench.run()
    assert result.record is not None
    assert await bench.read(result.record) == LARGER


async def test_file_that_keeps_changing_is_a_failure_and_no_damage(
    bench: BackupBench,
) -> None:
    bench.put(*[file_copy(WALLET[:200], str(n)) for n in range(9)])
    result = await bench.run()
    assert result.failure.code is R.BACKUP_FILE_CHANGES
    assert (result.is_judged, await bench.records(), bench.checks()) == (False, (), [])


async def test_full_disk_is_a_failure_that_leaves_nothing(bench: BackupBench) -> None:
    bench.folder.mkdir(mode=0o700)
    (bench.folder / NAME).write_text("a file in the place of the folder")
    result = await bench.run()
    assert result.failure.code is R.BACKUP_NOT_STORED
    assert bench.checks() == []


@pytest.mark.parametrize(
    "error", [EngineForbidden("403"), EngineRefused("it is no regular file")]
)
async def test_refusal_of_the_engine_is_a_failure_and_no_damage(
    error: EngineRefused, bench: BackupBench
) -> None:
    bench.engine.trouble("read_file", error, times=9)
    result = await bench.run()
    assert result.failure.code is R.BACKUP_REFUSED
    assert await bench.restart() is None
    assert bench.checks() == []


# --- damages


DAMAGES = [
    (F.TRUNCATED, file_copy(WALLET[:300])),
    (F.SHRUNKEN, file_copy(plain_wallet(receiving=3))),
    (F.WRONG_OWNER, file_copy(LARGER, uid=0)),
    (F.UNREADABLE, file_copy(b"\0" * 900)),
]


@pytest.mark.parametrize(("code", "copy"), DAMAGES)
async def test_damage_holds_the_restart_and_is_not_stored(
    code: F, copy: object, bench: BackupBench
) -> None:
    await bench.run()
    bench.put(copy)  # type: ignore[arg-type]
    damage = await bench.restart()
    assert damage is not None
    (targets,) = await bench.service.overview()
    assert [finding.code for finding in targets.last[0].findings] == [code]
    assert len(await bench.records()) == 1
    assert bench.checks() == [False, True]


async def test_absent_file_is_a_damage_only_after_a_backup(bench: BackupBench) -> None:
    bench.engine.files.clear()
    assert await bench.restart() is None
    result = await bench.run()
    assert result.failure.code is R.BACKUP_FILE_ABSENT
    assert bench.checks() == []
    bench.put(WALLET)
    await bench.run()
    bench.engine.files.clear()
    damage = await bench.restart()
    assert damage is not None
    assert damage.code is R.WALLET_FILE_ABSENT


async def test_unencrypted_wallet_is_told_stored_and_holds_nothing(
    bench: BackupBench,
) -> None:
    bench.put(encrypted_wallet())
    await bench.run()
    bench.put(WALLET)
    result = await bench.run()
    assert [finding.code for finding in result.findings] == [F.NOT_ENCRYPTED]
    assert result.is_new
    assert await bench.restart() is None
    assert bench.checks() == [False, False, False]


async def test_accepted_wallet_is_what_later_copies_are_compared_with(
    bench: BackupBench,
) -> None:
    await bench.run()
    bench.put(plain_wallet(receiving=3))
    assert await bench.restart() is not None
    result = await bench.run(accept=True)
    assert result.is_new
    assert await bench.restart() is None
    bench.put(plain_wallet(receiving=2))
    assert await bench.restart() is not None


async def test_truncated_wallet_is_not_accepted(bench: BackupBench) -> None:
    bench.put(WALLET[:300])
    result = await bench.run(accept=True)
    assert (result.record, await bench.records()) == (None, ())
    assert bench.checks() == [True]


# --- before a restart


async def test_backup_before_restart_is_stored_without_restore_test(
    bench: BackupBench,
) -> None:
    assert await bench.restart() is None
    (record,) = await bench.records()
    assert record.trigger is BackupTrigger.RESTART
    assert bench.tested == []


async def test_backup_before_restart_counts_for_the_schedule_that_finds_it_equal(
    bench: BackupBench,
) -> None:
    await bench.restart()
    await bench.run(is_planned=True)
    await bench.restart()
    (record,) = await bench.records()
    assert record.trigger is BackupTrigger.SCHEDULE


async def test_slow_engine_does_not_hold_the_restart(tmp_path: Path) -> None:
    bench = BackupBench(tmp_path, before_restart_s=0.2)
    bench.engine.delays["read_file"] = 30.0
    assert await asyncio.wait_for(bench.restart(), 20.0) is None
    (targets,) = await bench.service.overview()
    assert targets.last[0].failure.code is R.BACKUP_TOO_SLOW


async def restart_with_time_for_one_file(
    folder: Path, limit_s: float
) -> tuple[BackupBench, Reason | None]:
    """Ask before a restart, with a damaged file and one for which no time is left."""
    bench = BackupBench(folder, before_restart_s=limit_s)
    bench.configure(path=(PATH, "/data/wallets/slow"))
    bench.put(WALLET[:300])
    bench.engine.delays["read_file"] = limit_s / 1.5
    return bench, await bench.restart()


async def test_damage_that_was_found_holds_the_restart_though_the_rest_is_slow(
    tmp_path: Path,
) -> None:
    bench, damage = await restart_with_time_for_one_file(tmp_path, 1.5)
    if damage is None:  # on a slow machine the time was too short for one file
        bench, damage = await restart_with_time_for_one_file(tmp_path, 30.0)
    assert damage is not None
    assert damage.code is R.WALLET_FILE_CUT
    (targets,) = await bench.service.overview()
    assert targets.last[1].failure.code is R.BACKUP_TOO_SLOW
    assert bench.checks() == [True]


async def test_fault_of_ours_does_not_hold_the_restart(bench: BackupBench) -> None:
    bench.engine.trouble("read_file", ValueError("ours"))  # type: ignore[arg-type]
    assert await bench.restart() is None


# --- sealed, off-site, proven


async def test_sealed_backup_is_tested_plain_and_sent_sealed(
    bench: BackupBench,
) -> None:
    bench.configure(recipients=(RECIPIENT,), offsite=PLACE)
    bench.test = RestoreTestResult(True, NO_REASON, 30)
    result = await bench.run()
    record = result.record
    assert record is not None
    assert (record.is_sealed, record.file_name.endswith(".wallet.age")) == (True, True)
    assert record.last_proof is not None
    assert record.last_proof.way is ProofWay.LOADED
    assert bench.tested == [WALLET]
    assert bench.sent == [(record.file_name, await bench.read(record))]
    assert record.offsite_wall is not None
    assert await bench.records() == (record,)
    stored = await asyncio.to_thread(bench.all_bytes)
    assert WALLET not in stored
    assert b"xpub-of-the-test" not in stored


async def test_unchanged_wallet_is_sealed_again_when_the_recipients_change(
    bench: BackupBench,
) -> None:
    bench.configure(recipients=(RECIPIENT,), offsite=PLACE)
    first = await bench.run()
    bench.configure(recipients=("age1other", RECIPIENT), offsite=PLACE)
    second = await bench.run()
    assert second.is_new
    assert second.record is not None
    assert b"sealed to age1other" in await bench.read(second.record)
    assert [name for name, _ in bench.sent] == [
        r.record.file_name for r in (first, second) if r.record is not None
    ]
    bench.configure(recipients=(RECIPIENT, "age1other"), offsite=PLACE)
    assert not (await bench.run()).is_new


async def test_failed_sending_is_tried_again_with_the_next_backup(
    bench: BackupBench,
) -> None:
    bench.configure(recipients=(RECIPIENT,), offsite=PLACE)
    bench.offsite_failure = TOLD
    first = await bench.run()
    assert first.offsite_failure == TOLD
    assert first.record is not None
    assert first.record.offsite_wall is None
    bench.offsite_failure = None
    second = await bench.run()
    assert second.record is not None
    assert (second.is_new, second.record.offsite_wall is None) == (False, False)
    await bench.run()
    assert len(bench.sent) == 1


async def test_place_that_lets_nobody_compare_is_said(bench: BackupBench) -> None:
    bench.configure(recipients=(RECIPIENT,), offsite=PLACE)
    bench.offsite_remark = TOLD
    result = await bench.run()
    assert result.offsite_failure == TOLD
    assert result.record is not None
    assert result.record.offsite_wall is None


async def test_backup_before_restart_is_sent_afterwards(bench: BackupBench) -> None:
    bench.configure(recipients=(RECIPIENT,), offsite=PLACE)
    assert await bench.restart() is None
    await bench.wait_until(lambda: bool(bench.sent))
    assert bench.tested == []
    await bench.service.close()


@pytest.mark.parametrize(
    ("is_loaded", "codes"), [(None, []), (False, [F.NOT_LOADED]), (True, [])]
)
async def test_restore_test_proves_says_or_finds(
    is_loaded: bool | None, codes: list[F], bench: BackupBench
) -> None:
    bench.test = RestoreTestResult(is_loaded, TOLD)
    result = await bench.run()
    assert [finding.code for finding in result.findings] == codes
    assert result.test == (NO_REASON if is_loaded else TOLD)
    assert result.record is not None
    ways = {proof.way for proof in result.record.proofs}
    assert (ProofWay.LOADED in ways) is bool(is_loaded)
    assert result.damage is None


# --- verification


async def test_verification_proves_again_and_loads_only_the_newest(
    bench: BackupBench,
) -> None:
    await bench.run()
    bench.put(LARGER)
    await bench.run()
    bench.tested.clear()
    bench.test = RestoreTestResult(True, NO_REASON)
    results = await bench.service.verify(NAME)
    assert [result.is_whole for result in results] == [True, True]
    assert bench.tested == [LARGER]
    proofs = [record.last_proof for record in await bench.records()]
    assert [proof.at_wall for proof in proofs if proof] == [bench.clock.wall] * 2


@pytest.mark.parametrize("rotten", [b"rotten", None])
async def test_changed_or_lost_backup_proves_nothing_any_more(
    rotten: bytes | None, bench: BackupBench
) -> None:
    record = (await bench.run()).record
    assert record is not None
    path = bench.folder / NAME / record.file_name
    path.unlink() if rotten is None else path.write_bytes(rotten)
    (result,) = await bench.service.verify(NAME)
    assert not result.is_whole
    (broken,) = await bench.records()
    assert broken.last_proof is None
    assert broken.broken_wall == bench.clock.wall


async def test_sealed_backup_is_verified_by_its_digest(bench: BackupBench) -> None:
    bench.configure(recipients=(RECIPIENT,))
    record = (await bench.run()).record
    (result,) = await bench.service.verify(NAME)
    assert result.is_whole
    assert await bench.records() == (record,)


# --- orders, life


async def test_second_order_for_a_target_is_refused(bench: BackupBench) -> None:
    assert bench.service.begin_run(NAME, accept=False)
    assert not bench.service.begin_verification(NAME)
    (targets,) = await bench.service.overview()
    assert targets.is_busy
    await bench.wait_until(lambda: not bench.is_busy())
    assert len(await bench.records()) == 1
    assert bench.service.begin_verification(NAME)
    await bench.service.close()


async def test_start_takes_first_backup_and_looks_again_at_damage(
    tmp_path: Path,
) -> None:
    bench = BackupBench(tmp_path, recheck_s=0.02)
    bench.put(WALLET)
    watching = asyncio.create_task(bench.service.watch())
    await bench.wait_until(lambda: bench.checks() == [False])
    bench.put(WALLET[:300])
    assert await bench.restart() is not None
    bench.is_damaged = True
    bench.put(LARGER)
    await bench.wait_until(lambda: bench.checks()[-1] is False)
    watching.cancel()
    assert len(await bench.records()) == 2
    assert bench.checks()[:2] == [False, True]
    assert bench.checks()[-1] is False


async def test_fault_of_ours_ends_neither_orders_nor_the_watch(
    tmp_path: Path,
) -> None:
    bench = BackupBench(tmp_path, recheck_s=0.02)
    bench.put(WALLET)
    bench.engine.trouble("read_file", ValueError("ours"), times=2)  # type: ignore[arg-type]
    watching = asyncio.create_task(bench.service.watch())
    await bench.wait_until(lambda: ("read_file", "c1") in bench.engine.calls)
    assert bench.service.begin_run(NAME, accept=False)
    await bench.wait_until(lambda: not bench.is_busy())
    bench.is_damaged = True
    await bench.wait_until(lambda: bench.checks()[:1] == [False])
    assert not watching.done()
    watching.cancel()


async def test_without_container_a_backup_is_a_failure(bench: BackupBench) -> None:
    bench.container = None  # type: ignore[assignment]
    assert (await bench.run()).failure.code is R.BACKUP_NO_CONTAINER
