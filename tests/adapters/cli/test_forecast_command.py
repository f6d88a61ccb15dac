"""The command ``forecast`` and its API, against a real server."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.support.command_runner import CommandRunner, serve
from tests.support.page_world import SERVICE, WALLET, add_memory, make_page_world


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    async for runner in serve(make_page_world()):
        yield runner


async def test_forecast_shows_memory_limit_and_hour(run_command: CommandRunner) -> None:
    add_memory(run_command.fakes)
    result = await run_command("forecast")
    assert (result.status, result.err) == (0, "")
    head, row, _, sentence = result.out.splitlines()
    assert head.split()[:3] == ["TARGET", "MEMORY", "LIMIT"]
    assert row.split()[:5] == [SERVICE, "463.0", "MiB", "768.0", "MiB"]
    assert sentence.startswith(f"{SERVICE}: its memory grows by 3.0 MiB an hour")


async def test_forecast_before_the_first_sample_says_so(
    run_command: CommandRunner,
) -> None:
    result = await run_command("forecast", SERVICE)
    assert f"{SERVICE}: its memory is not measured" in result.out


async def test_forecast_of_a_target_without_the_probe_names_those_with_it(
    run_command: CommandRunner,
) -> None:
    result = await run_command("forecast", WALLET)
    assert result.status == 2
    assert f"with one: {SERVICE}" in result.err


async def test_forecast_as_json_is_the_answer_of_the_api(
    run_command: CommandRunner,
) -> None:
    add_memory(run_command.fakes)
    result = await run_command("forecast", "--json")
    (target,) = json.loads(result.out)["targets"]
    memory = target["memory"]
    assert (target["name"], memory["silence"]) == (SERVICE, None)
    assert memory["reason_code"] == "forecast_limit"
    assert memory["earliest_at"] <= memory["limit_at"] <= memory["latest_at"]
    assert memory["limit_bytes"] == 768 * 2**20
