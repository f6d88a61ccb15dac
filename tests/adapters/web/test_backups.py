"""The API of backups, and the commands that use it."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sidecar.core.backup.finding import Finding, FindingCode
from sidecar.core.backup.record import Proof, ProofWay
from sidecar.core.backup.result import BackupResult, TargetBackups, VerifyResult
from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from tests.support.api_services import ApiServiceFakes
from tests.support.backup_records import PATH, make_record
from tests.support.command_runner import CommandRunner, serve
from tests.support.rule_world import EPOCH

NAME = "electron-cash"
CUT = Reason.of(R.WALLET_FILE_CUT, file=PATH, size=300)
RECORD = make_record(target=NAME, taken_wall=EPOCH, seen_wall=EPOCH)
PROVEN = RECORD.with_proof(Proof(ProofWay.PARSED, EPOCH)).with_proof(
    Proof(ProofWay.LOADED, EPOCH + 60.0)
)


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    fakes = ApiServiceFakes()
    targets = dict(fakes.world.state.targets)
    backup = BackupSettings((PATH,), "0 3 * * *")
    targets[NAME] = replace(targets[NAME], backup=backup)
    fakes.world.state = replace(fakes.world.state, targets=targets)
    async for runner in serve(fakes):
        yield runner


def show(runner: CommandRunner, **changes: object) -> None:
    """Let the API have the backups of one target."""
    values = {"records": (PROVEN,), **changes}
    backups = TargetBackups(NAME, **values)  # type: ignore[arg-type]  # any field
    runner.fakes.backups.targets = (backups,)


async def test_list_says_when_and_how_each_backup_was_proven(
    run_command: CommandRunner,
) -> None:
    older = make_record(target=NAME, id="older", addresses=None, is_sealed=True)
    show(run_command, records=(PROVEN, older))
    status, out, _ = await run_command("backup", "list")
    assert status == 0
    first, second = out.splitlines()[1:3]
    assert first.split()[:3] == [NAME, PROVEN.id, "10000"]
    assert "loaded" in first
    assert "never" in second
    assert second.endswith("sealed")


async def test_list_without_proven_backup_ends_with_one(
    run_command: CommandRunner,
) -> None:
    failed = BackupResult(PATH, EPOCH, failure=Reason.of(R.BACKUP_NO_CONTAINER))
    show(run_command, records=(RECORD,), last=(failed,))
    status, out, _ = await run_command("backup", "list", NAME)
    assert status == 1
    assert f"{NAME}: no backup is proven" in out
    assert "there is no container" in out


async def test_json_list_has_digests_and_proofs(run_command: CommandRunner) -> None:
    show(run_command)
    status, out, _ = await run_command("backup", "list", "--json")
    (target,) = json.loads(out)["targets"]
    assert (status, target["proven_by"]) == (0, "loaded")
    (backup,) = target["backups"]
    assert backup["sha256"] == RECORD.sha256
    assert [proof["way"] for proof in backup["proofs"]] == ["loaded", "parsed"]


@pytest.mark.parametrize("accept", [False, True])
async def test_run_takes_a_backup_and_shows_its_result(
    run_command: CommandRunner,
    accept: bool,
) -> None:
    show(run_command, last=(BackupResult(PATH, EPOCH, PROVEN, is_new=True),))
    options = ("--accept",) if accept else ()
    status, out, _ = await run_command("backup", "run", NAME, *options)
    assert status == 0
    assert f"stored as {PROVEN.id}" in out
    assert run_command.fakes.backups.orders == [(NAME, accept)]


async def test_run_with_damaged_wallet_ends_with_one(
    run_command: CommandRunner,
) -> None:
    finding = Finding(FindingCode.TRUNCATED, CUT)
    show(run_command, last=(BackupResult(PATH, EPOCH, findings=(finding,)),))
    status, out, _ = await run_command("backup", "run", NAME)
    assert status == 1
    assert out.startswith("truncated: the wallet file")


async def test_verify_shows_each_backup(run_command: CommandRunner) -> None:
    broken = VerifyResult(RECORD, is_whole=False, reason=Reason.of(R.BACKUP_CHANGED))
    show(run_command, verified=(VerifyResult(PROVEN, is_whole=True), broken))
    status, out, _ = await run_command("backup", "verify", NAME)
    assert status == 1
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["whole", "broken"]
    show(run_command, verified=(VerifyResult(PROVEN, is_whole=True),))
    assert (await run_command("backup", "verify", NAME)).status == 0


async def test_order_is_refused_while_another_is_carried_out(
    run_command: CommandRunner,
) -> None:
    run_command.fakes.backups.is_busy = True
    status, _, err = await run_command("backup", "run", NAME)
    assert status == 3
    assert "being carried out" in err


async def test_order_for_target_without_backups_is_refused(
    run_command: CommandRunner,
) -> None:
    status, _, err = await run_command("backup", "verify", "bitcoincash-service")
    assert status == 3
    assert "has no backups" in err
    status, _, err = await run_command("backup", "run", "nobody")
    assert status == 2
    assert run_command.fakes.backups.orders == []


async def test_backups_need_the_token(run_command: CommandRunner) -> None:
    for command in (("list",), ("run", NAME), ("verify", NAME)):
        assert (await run_command("backup", *command, token="wrong")).status == 3
    assert run_command.fakes.backups.orders == []
