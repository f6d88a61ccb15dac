"""Runs of maintenance tasks: real requests, a fake engine, results as events."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from inspect import iscoroutinefunction
from types import MappingProxyType

from aiohttp import web

from sidecar.clock import SystemClock
from sidecar.core.model.event import Event
from sidecar.core.model.maintenance_task import (
    HttpCall,
    TargetCommand,
    Task,
    TaskKind,
    TaskOutcome,
    TaskResult,
    TaskRun,
)
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.model.task_event import TaskCompleted
from sidecar.core.ports.engine import EngineForbidden, ExecResult
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.reason.code import ReasonCode as R
from sidecar.tasks import task_runner
from sidecar.tasks.task_runner import DETAIL_CHARACTERS, MOST_DETAILS, TaskRunner
from sidecar.tasks.task_tools import TaskTools
from tests.support.fakes import FakeEngine
from tests.support.memory_journal import MemoryJournal
from tests.support.notify_receivers import receiver, until
from tests.support.rule_world import RuleWorld

COMMAND = Task(
    "vacuum", TaskKind.COMMAND, "", does=TargetCommand("electron-cash", ("vacuum",))
)
CLEAN_UP = Task("clean-up", TaskKind.CLEAN_UP, "")
DEADLINE_S = 10.0


class Bench:
    """A runner whose result the test waits for."""

    def __init__(self) -> None:
        self.world = RuleWorld()
        self.engine = FakeEngine(SystemClock(), *self.world.containers.values())
        self.removed: Mapping[str, int] | StoreUnavailable = {}
        self.results: asyncio.Queue[TaskCompleted] = asyncio.Queue()
        tools = TaskTools(
            clock=SystemClock(),
            state=lambda: self.world.state,
            engine=self.engine,
            journal=MemoryJournal(),
            remove_old=self.remove_old,
            mask=lambda text: text.replace("hunter2", "***"),
        )
        self.runner = TaskRunner(tools, self.post)

    async def remove_old(self) -> Mapping[str, int]:
        if isinstance(self.removed, StoreUnavailable):
            raise self.removed
        return self.removed

    def post(self, event: Event) -> None:
        assert isinstance(event, TaskCompleted)
        self.results.put_nowait(event)

    def begin(self, task: Task) -> None:
        run = TaskRun(task.name, task.kind, 0.0, self.world.now)
        state = replace(self.world.state, tasks=MappingProxyType({task.name: task}))
        step = StepResult(TaskCompleted(run.began, "", None), (), (), (), state)  # type: ignore[arg-type]
        self.runner.on_step(step._replace(task_runs=(run,)))

    async def run(self, task: Task) -> TaskResult:
        self.begin(task)
        async with asyncio.timeout(DEADLINE_S):
            return (await self.results.get()).result


def details(result: TaskResult) -> list[str]:
    return [str(detail) for detail in result.details]


async def test_every_kind_has_a_module_of_its_name() -> None:
    for kind in TaskKind:
        module = import_module(f"sidecar.tasks.kinds.{kind}")
        assert iscoroutinefunction(module.run_task)


async def test_command_ends_with_its_exit_status_and_masked_output() -> None:
    bench = Bench()
    bench.engine.exec_of["vacuum"] = ExecResult(0, "done\nwith hunter2\n\n")
    result = await bench.run(COMMAND)
    assert result.outcome is TaskOutcome.DONE
    assert details(result) == ["done", "with ***"]
    bench.engine.exec_of["vacuum"] = ExecResult(3, "\x1b[31mno space\x1b[0m")
    result = await bench.run(COMMAND)
    assert (result.outcome, str(result.summary)) == (
        TaskOutcome.FAILED,
        "the command ended with exit status 3",
    )
    assert details(result) == ["no space"]


async def test_command_without_a_running_container_fails_with_the_reason() -> None:
    bench = Bench()
    gone = replace(COMMAND, does=TargetCommand("nobody", ("vacuum",)))
    result = await bench.run(gone)
    assert result.outcome is TaskOutcome.FAILED
    assert "no container of nobody runs" in str(result.summary)
    container = bench.world.containers[InstanceId("electron-cash", 1)]
    bench.engine.trouble("execute", EngineForbidden("exec is hunter2 forbidden"))
    result = await bench.run(COMMAND)
    assert "exec is *** forbidden" in str(result.summary)
    assert bench.engine.calls[-1] == ("execute", container.id)


async def test_request_is_sent_once_and_judged_by_its_status() -> None:
    bench = Bench()

    async def respond(count: int) -> web.Response:
        answers = {1: (204, ""), 2: (503, "busy with hunter2"), 3: (302, "")}
        status, text = answers[count]
        return web.Response(status=status, text=text or None)

    async with receiver(respond) as server:
        url = f"http://127.0.0.1:{server.port}/beat?key=1"
        task = Task("beat", TaskKind.HTTP, "", does=HttpCall(url, "POST"))
        good, busy, moved = [await bench.run(task) for _ in range(3)]
    assert (good.outcome, details(good)) == (TaskOutcome.DONE, [])
    assert (busy.outcome, details(busy)) == (TaskOutcome.FAILED, ["busy with ***"])
    assert moved.outcome is TaskOutcome.FAILED
    assert [r.method for r in server.requests] == ["POST"] * 3
    assert server.requests[0].path == "/beat?key=1"
    refused = await bench.run(task)
    assert refused.outcome is TaskOutcome.FAILED
    assert "key=1" not in str(refused.summary)


async def test_clean_up_says_what_it_removed() -> None:
    bench = Bench()
    bench.removed = {"journal": 120, "evidence": 3, "outbox": 0}
    result = await bench.run(CLEAN_UP)
    assert result.outcome is TaskOutcome.DONE
    assert result.summary.get("count") == 123
    assert details(result) == ["removed from journal: 120", "removed from evidence: 3"]
    bench.removed = StoreUnavailable("the disk is full")
    result = await bench.run(CLEAN_UP)
    assert result.outcome is TaskOutcome.FAILED
    assert "the disk is full" in str(result.summary)


async def test_slow_task_fails_at_its_deadline() -> None:
    bench = Bench()
    bench.engine.delays["execute"] = 60.0
    result = await bench.run(replace(COMMAND, timeout_s=0.1))
    assert result.outcome is TaskOutcome.FAILED

    async def never(_: int) -> web.Response:
        await asyncio.sleep(60.0)
        return web.Response()

    async with receiver(never) as server:
        does = HttpCall(f"http://127.0.0.1:{server.port}/")
        task = Task("beat", TaskKind.HTTP, "", timeout_s=0.1, does=does)
        result = await bench.run(task)
    assert (result.outcome, result.summary.code) == (
        TaskOutcome.FAILED,
        R.TASK_TOO_SLOW,
    )


async def test_fault_of_our_own_is_a_result_and_ends_nothing() -> None:
    bench = Bench()
    result = await bench.run(replace(COMMAND, does=None))
    assert (result.outcome, result.summary.code) == (
        TaskOutcome.FAILED,
        R.TASK_NOT_DONE,
    )


async def test_long_output_is_cut() -> None:
    bench = Bench()
    lines = "\n".join("x" * 2000 for _ in range(300))
    bench.engine.exec_of["vacuum"] = ExecResult(0, lines)
    result = await bench.run(COMMAND)
    assert len(result.details) <= MOST_DETAILS
    assert all(len(line) <= DETAIL_CHARACTERS for line in details(result))


async def test_only_a_few_tasks_run_at_once_and_close_ends_them() -> None:
    bench = Bench()
    bench.engine.delays["execute"] = 60.0
    for number in range(5):
        bench.begin(replace(COMMAND, name=f"vacuum-{number}"))
    await until(lambda: len(bench.engine.calls) >= task_runner.AT_ONCE, DEADLINE_S)
    await asyncio.sleep(0.05)
    assert len(bench.engine.calls) == task_runner.AT_ONCE
    await bench.runner.close()
    assert bench.results.empty()
