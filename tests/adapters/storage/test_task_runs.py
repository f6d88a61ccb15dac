"""Runs of maintenance tasks are on disk, and the next process knows of them."""

from pathlib import Path

from sidecar.core.model.maintenance_task import (
    Task,
    TaskKind,
    TaskOutcome,
    TaskResult,
)
from sidecar.core.model.task_event import TaskCompleted, TaskDue, TasksPlanned
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.takeover import restore_state
from tests.support.stored_world import StoredWorld, append_all, open_test_store

PING = Task("ping", TaskKind.HTTP, "0 4 * * *", "Asia/Seoul")
VACUUM = Task("vacuum", TaskKind.COMMAND, "0 5 * * *")
FAILED = TaskResult(
    TaskOutcome.FAILED, text_reason("exit status 3"), (text_reason("no \udcff space"),)
)
DONE = TaskResult(TaskOutcome.DONE, text_reason("done"))
DAY_S = 86_400.0


def run_task(world: StoredWorld, task: Task, result: TaskResult = FAILED) -> None:
    world.send(TaskDue(world.now, task.name, world.now.wall))
    world.now_s += 30.0
    world.send(TaskCompleted(world.now, task.name, result))


async def test_ended_runs_are_read_newest_first(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.send(TasksPlanned(world.now, (PING, VACUUM)))
        for task in (PING, VACUUM, PING):
            run_task(world, task)
        await append_all(store, *world.take())
        runs = await store.journal.task_runs(10)
        assert [run.task for run in runs] == ["ping", "vacuum", "ping"]
        assert len(await store.journal.task_runs(2)) == 2
        (vacuum,) = await store.journal.task_runs(10, "vacuum")
        assert (vacuum.outcome, vacuum.seconds) == (TaskOutcome.FAILED, 30.0)
        assert str(vacuum.summary) == "exit status 3"
        assert [str(line) for line in vacuum.details] == ["no ? space"]


async def test_next_process_knows_schedule_last_run_and_interrupted_run(
    tmp_path: Path,
) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.send(TasksPlanned(world.now, (PING, VACUUM)))
        run_task(world, PING, DONE)
        world.send(TaskDue(world.now, "vacuum", world.now.wall))
        await append_all(store, *world.take())
    async with open_test_store(tmp_path) as store:
        saved = await store.load()
    assert saved is not None
    assert saved.task_progress == world.state.task_progress
    assert saved.tasks == {}
    state = restore_state(saved, world.now, world.now)
    (interrupted,) = state.interrupted_runs
    assert interrupted.task == "vacuum"
    last = state.task_progress["ping"].last
    assert last is not None
    assert last.outcome is TaskOutcome.DONE


async def test_old_runs_are_removed_with_the_retention(tmp_path: Path) -> None:
    world = StoredWorld()
    async with open_test_store(tmp_path) as store:
        world.send(TasksPlanned(world.now, (PING,)))
        run_task(world, PING)
        world.now_s += 100 * DAY_S
        run_task(world, PING)
        await append_all(store, *world.take())
        removed = await store.prune(world.now.wall, 90 * DAY_S)
        assert removed["task_runs"] == 1
        assert len(await store.journal.task_runs(10)) == 1
