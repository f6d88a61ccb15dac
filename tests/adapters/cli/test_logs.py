"""``sidecar logs``: the log of a target's container, through the running sidecar."""

import json
from collections.abc import AsyncIterator

import pytest

from sidecar.telemetry.secret_mask import Mask
from tests.support.api_services import TOKEN, ApiServiceFakes
from tests.support.command_runner import CommandRunner, serve
from tests.support.running_command import start_command

WALLET = "electron-cash"
LINES = (
    "2026-01-02T03:04:05.000000001Z it listens\n"
    "2026-01-02T03:04:06.000000001Z \x1b[31mpassword is open-sesame\n"
)
NEXT = "2026-01-02T03:04:07.000000001Z it answers\n"


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    fakes = ApiServiceFakes()
    fakes.desk = fakes.without(mask=Mask(["open-sesame"]))
    fakes.logs[container_id(fakes)] = LINES
    async for runner in serve(fakes):
        yield runner


def container_id(fakes: ApiServiceFakes) -> str:
    container = fakes.world.instance(WALLET).container
    assert container is not None
    return container.id


async def test_log_is_printed_masked_and_printable(run_command: CommandRunner) -> None:
    result = await run_command("logs", WALLET)
    assert result == (
        0,
        "2026-01-02T03:04:05Z it listens\n2026-01-02T03:04:06Z password is ***\n",
        "",
    )


async def test_number_and_age_of_lines_are_passed_on(
    run_command: CommandRunner,
) -> None:
    result = await run_command("logs", WALLET, "--lines", "1", "--since", "2h")
    assert result.status == 0
    ((_, lines, since),) = run_command.fakes.log_requests
    assert lines == 1
    now_wall = run_command.fakes.now().wall
    assert float(since) == pytest.approx(now_wall - 7200.0, abs=0.01)


async def test_log_needs_authorisation(run_command: CommandRunner) -> None:
    for token in ("", "wrong"):
        result = await run_command("logs", WALLET, token=token)
        assert (result.status, result.out) == (3, "")
    assert run_command.fakes.log_requests == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--lines", "0"), "--lines"),
        (("--lines", "2001"), "--lines"),
        (("--since", "soon"), "since=soon"),
    ],
)
async def test_unusable_option_exits_2(
    run_command: CommandRunner, arguments: tuple[str, ...], says: str
) -> None:
    result = await run_command("logs", WALLET, *arguments)
    assert (result.status, result.out) == (2, "")
    assert says in result.err


async def test_log_that_the_engine_cannot_read_exits_2_with_its_reason(
    run_command: CommandRunner,
) -> None:
    run_command.fakes.logs.clear()
    result = await run_command("logs", WALLET)
    assert result.status == 2
    assert result.err == (
        f"the log of {WALLET} cannot be read: the engine keeps no log of it\n"
    )


async def test_new_lines_are_followed_until_ctrl_c(run_command: CommandRunner) -> None:
    fakes = run_command.fakes
    async with start_command(run_command, "logs", WALLET, "-f") as command:
        assert "it listens" in await command.line()
        assert "password is ***" in await command.line()
        fakes.logs[container_id(fakes)] += NEXT
        assert "it answers" in await command.line()
        fakes.logs[container_id(fakes)] += NEXT.replace("07.0", "08.0")
        assert "08Z it answers" in await command.line()
        command.interrupt()
        status, rest, err = await command.result()
    assert (status, rest, err.strip()) == (130, "", "")
    # Each reading begins where the one before ended; how many find nothing is chance.
    begins = list(dict.fromkeys(since for _, _, since in fakes.log_requests))
    assert begins[:3] == ["", "1767323046.000000001", "1767323047.000000001"]


async def test_program_gets_one_document_a_line(run_command: CommandRunner) -> None:
    result = await run_command("logs", WALLET, "--json")
    first, _ = map(json.loads, result.out.splitlines())
    assert first == {"at": "2026-01-02T03:04:05.000000001Z", "text": "it listens"}


async def test_missed_lines_and_a_lost_engine_are_noted_while_following(
    run_command: CommandRunner,
) -> None:
    fakes = run_command.fakes
    kept_id = container_id(fakes)
    async with start_command(run_command, "logs", WALLET, "-f", "--json") as command:
        await command.line_with("password")
        fakes.logs[kept_id] = NEXT
        assert "lines are missing here" in await command.line()
        assert "it answers" in await command.line()
        log = fakes.logs.pop(kept_id)
        assert "the log cannot be read now: " in await command.line()
        fakes.logs[kept_id] = log + NEXT.replace("07.0", "08.0")
        assert "08.0" in await command.line()


async def test_number_of_readers_is_bounded(run_command: CommandRunner) -> None:
    follow = ("logs", WALLET, "-f")
    async with (
        start_command(run_command, *follow) as one,
        start_command(run_command, *follow) as two,
        start_command(run_command, *follow) as three,
        start_command(run_command, *follow) as four,
    ):
        for command in (one, two, three, four):
            await command.line()
        result = await run_command("logs", WALLET, token=TOKEN)
        assert result.status == 2
        assert "4 readers of logs are connected" in result.err
