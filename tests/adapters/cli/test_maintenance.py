"""``sidecar maintenance``: the tasks, their runs, and a run at once."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from sidecar.core.model.maintenance_task import TaskOutcome, TaskResult
from sidecar.core.model.task_event import TaskCompleted, TaskRequested
from sidecar.core.reason.reason import text_reason
from tests.support.api_services import ApiServiceFakes
from tests.support.command_runner import DEADLINE_S, CommandRunner, serve


@pytest.fixture
async def run_command() -> AsyncIterator[CommandRunner]:
    async for runner in serve(ApiServiceFakes()):
        yield runner


async def test_list_shows_next_time_schedule_and_last_result(
    run_command: CommandRunner,
) -> None:
    result = await run_command("maintenance")
    assert result.status == 0
    header, beat, vacuum = result.out.splitlines()
    assert header.split() == ["TASK", "NEXT", "SCHEDULE", "LAST"]
    assert beat.startswith("beat    2023-11-1")
    assert "0 5 * * 0 Asia/Seoul" in vacuum
    assert vacuum.endswith("not yet")
    document = json.loads((await run_command("maintenance", "--json")).out)
    assert [task["task"] for task in document["tasks"]] == ["beat", "vacuum"]


@pytest.mark.parametrize(
    ("outcome", "status"), [(TaskOutcome.DONE, 0), (TaskOutcome.FINDINGS, 1)]
)
async def test_run_waits_for_the_result(
    run_command: CommandRunner, outcome: TaskOutcome, status: int
) -> None:
    fakes = run_command.fakes
    waiting = asyncio.create_task(run_command("maintenance", "run", "vacuum", "--wait"))
    async with asyncio.timeout(DEADLINE_S):
        await fakes.was_asked.wait()
    fakes.world.now_s += 2.0
    result = TaskResult(outcome, text_reason("3 tables"), (text_reason("line one"),))
    fakes.world.send(TaskCompleted(fakes.now(), "vacuum", result))
    answer = await waiting
    assert (answer.status, answer.out) == (
        status,
        f"vacuum: {outcome} after 2s: 3 tables\n  line one\n",
    )
    listed = (await run_command("maintenance", "--runs", "1")).out
    assert listed.splitlines()[-1].endswith(f"{outcome}: 3 tables")


async def test_run_whose_record_is_not_stored_yet_has_its_result(
    run_command: CommandRunner,
) -> None:
    fakes = run_command.fakes
    waiting = asyncio.create_task(run_command("maintenance", "run", "vacuum", "--wait"))
    async with asyncio.timeout(DEADLINE_S):
        await fakes.was_asked.wait()
    result = TaskResult(TaskOutcome.DONE, text_reason("3 tables"))
    fakes.world.send(TaskCompleted(fakes.now(), "vacuum", result))
    fakes.journal.runs.clear()
    answer = await waiting
    assert (answer.status, answer.out) == (0, "vacuum: done after 0s: 3 tables\n")


async def test_run_without_wait_says_that_it_began(run_command: CommandRunner) -> None:
    result = await run_command("maintenance", "run", "vacuum")
    assert (result.status, result.out) == (0, "vacuum: begun\n")
    (event,) = run_command.fakes.events
    assert isinstance(event, TaskRequested)
    assert (await run_command("maintenance", "run", "vacuum")).status == 3
    unknown = await run_command("maintenance", "run", "vacuums")
    assert unknown.status == 2
    assert "did you mean vacuum" in unknown.err
