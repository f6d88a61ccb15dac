"""The command that restores a backup, and its endpoint."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sidecar.core.backup.record import Proof, ProofWay
from sidecar.core.backup.result import TargetBackups
from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from tests.support.api_services import ApiServiceFakes
from tests.support.backup_records import PATH, make_record
from tests.support.command_runner import CommandRunner, serve
from tests.support.rule_world import EPOCH

NAME = "electron-cash"
OLD = make_record(target=NAME, id="20260101T030000Z-aaaaaaaa")
NEW = make_record(target=NAME, id="20260102T030000Z-bbbbbbbb").with_proof(
    Proof(ProofWay.LOADED, EPOCH)
)
BROKEN = make_record(target=NAME, id="20260103T030000Z-cccccccc", broken_wall=EPOCH)


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    fakes = ApiServiceFakes()
    targets = dict(fakes.world.state.targets)
    backup = BackupSettings((PATH,), "0 3 * * *")
    targets[NAME] = replace(targets[NAME], backup=backup)
    fakes.world.state = replace(fakes.world.state, targets=targets)
    fakes.backups.targets = (TargetBackups(NAME, (BROKEN, NEW, OLD)),)
    async for runner in serve(fakes):
        yield runner


async def test_restore_takes_the_newest_whole_backup_and_says_the_next_steps(
    run_command: CommandRunner,
) -> None:
    status, out, _ = await run_command("backup", "restore", NAME, "--yes")
    assert status == 0
    assert run_command.fakes.backups.restores == [(NAME, NEW.id)]
    new_file = f"{PATH}.restored-20260102T030405Z"
    assert f"restored as {new_file} in demo-electron-cash-1" in out
    assert "user 1000, group 1000, mode 0600" in out
    stop, rename, start, accept = [x for x in out.splitlines() if "compose" in x]
    assert stop == "  docker compose stop electron-cash"
    assert f"mv {PATH} {PATH}.before-restore && mv {new_file} {PATH}" in rename
    assert start == "  docker compose start electron-cash"
    assert accept.endswith("sidecar backup run electron-cash --accept")


async def test_restore_takes_the_backup_that_is_named(
    run_command: CommandRunner,
) -> None:
    status, out, _ = await run_command(
        "backup", "restore", NAME, OLD.id, "--yes", "--json"
    )
    assert status == 0
    assert json.loads(out)["backup"] == OLD.id
    assert run_command.fakes.backups.restores == [(NAME, OLD.id)]


async def test_restore_asks_before_and_without_an_answer_does_nothing(
    run_command: CommandRunner,
) -> None:
    status, _, err = await run_command("backup", "restore", NAME)
    assert status == 130
    assert f"Backup {NEW.id} of {PATH}" in err
    assert "proven: loaded" in err
    assert run_command.fakes.backups.restores == []


async def test_sealed_backup_is_not_restored_and_the_command_for_age_is_shown(
    run_command: CommandRunner,
) -> None:
    sealed = replace(NEW, is_sealed=True)
    run_command.fakes.backups.targets = (TargetBackups(NAME, (sealed,)),)
    status, _, err = await run_command("backup", "restore", NAME, "--yes")
    assert status == 1
    assert f"age -d -i YOUR_KEY -o default_wallet {sealed.file_name}" in err
    assert sealed.sha256 in err
    assert run_command.fakes.backups.restores == []


async def test_reason_of_a_refusal_is_shown(run_command: CommandRunner) -> None:
    run_command.fakes.backups.restore_fails = Reason.of(R.RESTORE_CHANGED)
    status, _, err = await run_command("backup", "restore", NAME, "--yes")
    assert status == 3
    assert "its digest differs" in err


async def test_unknown_backup_or_target_is_no_restore(
    run_command: CommandRunner,
) -> None:
    status, _, err = await run_command("backup", "restore", NAME, "nothing", "--yes")
    assert (status, "no backup nothing" in err) == (2, True)
    run_command.fakes.backups.targets = (TargetBackups(NAME, (BROKEN,)),)
    status, _, err = await run_command("backup", "restore", NAME, "--yes")
    assert (status, "no backup that is whole" in err) == (2, True)
    status, _, err = await run_command("backup", "restore", "nobody", "--yes")
    assert status == 2
    assert run_command.fakes.backups.restores == []


async def test_restore_needs_the_token(run_command: CommandRunner) -> None:
    command = ("backup", "restore", NAME, "--yes")
    assert (await run_command(*command, token="wrong")).status == 3
    assert run_command.fakes.backups.restores == []
