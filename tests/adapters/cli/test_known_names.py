"""Names that do not exist: the refusal lists those that do."""

from collections.abc import AsyncIterator

import pytest

from tests.support.command_runner import CommandRunner, serve, sidecar
from tests.support.incident_archive import Archive, record_healed_incident


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    async for runner in serve(Archive()):
        yield runner


@pytest.mark.parametrize(
    "command",
    [
        "restart electron-cahs",
        "restart electron-cahs --wait",
        "pause electron-cahs",
        "resume electron-cahs",
        "recover electron-cahs",
        "release electron-cahs",
        "schedule skip electron-cahs",
        "schedule cancel electron-cahs",
        "history --target electron-cahs",
        "remedies --target electron-cahs",
        "logs electron-cahs",
    ],
)
async def test_mistyped_target_gets_a_suggestion(
    run_command: CommandRunner, command: str
) -> None:
    result = await run_command(*command.split())
    assert (result.status, result.out) == (2, "")
    assert "there is no target electron-cahs" in result.err
    _, _, hint = result.err.partition("; did you mean electron-cash? there are: ")
    assert set(hint.strip().split(", ")) == {"electron-cash", "bitcoincash-service"}


async def test_mistyped_incident_gets_a_suggestion() -> None:
    archive = Archive()
    incident_id = record_healed_incident(archive)
    async for run_command in serve(archive):
        for wrong in (
            incident_id[:-1],
            incident_id[:-1] + "ZZ",
            incident_id[:-2] + "00",
        ):
            for command in ("incident", "postmortem"):
                result = await run_command(command, wrong)
                assert result.status == 2
                assert f"did you mean {incident_id}?" in result.err


async def test_mistyped_command_gets_a_suggestion_and_the_list() -> None:
    result = await sidecar("statsu")
    assert result.status == 2
    assert "'status'" in result.err
    assert "Commands: ack, backup, check, completion, " in result.err
    result = await sidecar("config", "nonsense")
    assert "Commands: check, schema, show\n" in result.err


async def test_mistyped_option_gets_a_suggestion_and_the_list() -> None:
    result = await sidecar("status", "--jsno")
    assert result.status == 2
    assert "'--json'" in result.err
    assert "Options: --watch, --json, --url, --token-file, --help" in result.err
