"""Maintenance tasks over the API: their list, their runs, and a run at once."""

from collections.abc import AsyncIterator

import pytest

from sidecar.core.model.maintenance_task import TaskOutcome, TaskResult
from sidecar.core.model.task_event import TaskCompleted, TaskDue, TaskRequested
from sidecar.core.reason.reason import text_reason
from sidecar.core.text.formatting import rfc3339
from tests.support.api_caller import WITH_TOKEN, Caller, run_server
from tests.support.api_services import ApiServiceFakes
from tests.support.maintenance_windows import begin_window

PATH = "/api/v1/maintenance"


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async for one in run_server(ApiServiceFakes()):
        yield one


def fail_vacuum(caller: Caller) -> None:
    world = caller.fakes.world
    world.send(TaskDue(world.now, "vacuum", world.now.wall))
    world.now_s += 12.5
    details = (text_reason("no space"),)
    result = TaskResult(TaskOutcome.FAILED, text_reason("exit status 3"), details)
    world.send(TaskCompleted(world.now, "vacuum", result))


async def test_tasks_are_listed_with_next_times_and_last_run(caller: Caller) -> None:
    fail_vacuum(caller)
    status, body = await caller.get(PATH, **WITH_TOKEN)
    assert status == 200
    beat, vacuum = body["tasks"]
    assert (beat["task"], beat["type"]) == ("beat", "http")
    assert (beat["last"], beat["running"]) == (None, None)
    assert len(beat["next"]) == 3
    assert (vacuum["cron"], vacuum["timezone"]) == ("0 5 * * 0", "Asia/Seoul")
    assert vacuum["target"] == "db"
    last = vacuum["last"]
    assert (last["outcome"], last["seconds"], last["details"]) == (
        "failed",
        12.5,
        ["no space"],
    )
    assert body["runs"] == [last]


async def test_details_of_a_run_need_authorisation(caller: Caller) -> None:
    fail_vacuum(caller)
    _, body = await caller.get(PATH)
    assert body["runs"][0]["details"] == []
    assert body["tasks"][1]["last"]["details"] == []


async def test_runs_are_counted_and_chosen_by_task(caller: Caller) -> None:
    fail_vacuum(caller)
    fail_vacuum(caller)
    assert len((await caller.get(f"{PATH}?runs=1"))[1]["runs"]) == 1
    assert (await caller.get(f"{PATH}?task=beat"))[1]["runs"] == []
    for bad in ("-1", "501", "9" * 50, "x"):
        status, body = await caller.get(f"{PATH}?runs={bad}")
        assert status == 400
        assert "from 0 to 500" in body["error"]


async def test_run_at_once_begins_one_run(caller: Caller) -> None:
    status, body = await caller.post(f"{PATH}/beat/run")
    assert status == 202
    assert (body["run"]["requested"], body["run"]["outcome"]) == (True, None)
    assert isinstance(caller.fakes.events[-1], TaskRequested)
    status, body = await caller.post(f"{PATH}/beat/run")
    assert (status, body["error"]) == (409, "a run of beat is under way")
    _, body = await caller.get(PATH)
    assert body["tasks"][0]["running"]["began"]


async def test_unknown_task_names_those_that_exist(caller: Caller) -> None:
    status, body = await caller.post(f"{PATH}/vacuums/run")
    assert status == 404
    assert "did you mean vacuum? there are: vacuum, beat" in body["error"]


async def test_run_at_once_needs_the_token(caller: Caller) -> None:
    assert (await caller.post(f"{PATH}/vacuum/run", token=None))[0] == 401
    assert (await caller.post(f"{PATH}/vacuum/run", {"now": True}))[0] == 400
    assert caller.fakes.events == []


async def test_windows_are_shown_here_and_in_the_status(caller: Caller) -> None:
    period = begin_window(caller.fakes.world, "electron-cash")
    _, body = await caller.get(PATH)
    assert body["windows"] == [
        {
            "begin": rfc3339(period.begin_wall),
            "end": rfc3339(period.end_wall),
            "targets": ["electron-cash"],
            "active": True,
        }
    ]
    _, body = await caller.get("/api/v1/status")
    until = {t["name"]: t["maintenance_until"] for t in body["targets"]}
    assert until == {
        "electron-cash": rfc3339(period.end_wall),
        "bitcoincash-service": None,
    }
