"""The runner of maintenance tasks."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import cast

from loguru import logger

from sidecar.core.model.maintenance_task import Task, TaskOutcome, TaskResult
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.task_event import TaskCompleted
from sidecar.core.ports.engine import EngineError
from sidecar.core.ports.loop import Post
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.tasks.task_tools import TaskFailed, TaskTools

AT_ONCE = 2
"""Number of tasks that run at the same time; the others wait for their turn."""

_GRACE_S = 5.0
"""Time beyond a task's own deadline for its kind to report that."""

MOST_DETAILS = 50
DETAIL_CHARACTERS = 500

RunTask = Callable[[Task, TaskTools], Awaitable[TaskResult]]


class TaskRunner:
    """A listener that carries out each run that begins; results come back as events."""

    def __init__(self, tools: TaskTools, post: Post) -> None:
        self._tools = tools
        self._post = post
        self._free = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    def on_step(self, result: StepResult) -> None:
        """Carry out the runs that this step began; return at once."""
        for run in result.task_runs:
            if run.outcome is None:
                self._begin(result.state.tasks[run.task])

    def _begin(self, task: Task) -> None:
        running = asyncio.create_task(self._run(task), name=f"task {task.name}")
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Cancel what runs: the next Sidecar records it as interrupted."""
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, task: Task) -> None:
        async with self._free:
            result = await self._result(task)
        self._post(TaskCompleted(self._tools.clock.now(), task.name, _bound(result)))

    async def _result(self, task: Task) -> TaskResult:
        """The result; whatever happens, there is one."""
        try:
            # The module is imported at its first run, and not on the loop's thread.
            run_task = await asyncio.to_thread(_find, task)
            async with asyncio.timeout(task.timeout_s + _GRACE_S):
                return await run_task(task, self._tools)
        except TimeoutError:
            return _make_failure(Reason.of(R.TASK_TOO_SLOW, wait_s=task.timeout_s))
        except (TaskFailed, EngineError, StoreUnavailable) as error:
            error_text = self._tools.mask(str(error))
            return _make_failure(Reason.of(R.TASK_NOT_DONE, said=error_text))
        except Exception as error:  # noqa: BLE001  one task must not end the others
            logger.exception("the task {} failed", task.name)
            return _make_failure(Reason.of(R.TASK_NOT_DONE, said=type(error).__name__))


def _find(task: Task) -> RunTask:
    """The function of a kind: ``run_task`` in the module of its name."""
    module = import_module(f"sidecar.tasks.kinds.{task.kind}")
    return cast(RunTask, module.run_task)


def _make_failure(summary: Reason) -> TaskResult:
    return TaskResult(TaskOutcome.FAILED, summary)


def _bound(result: TaskResult) -> TaskResult:
    details = result.details[-MOST_DETAILS:]
    return TaskResult(
        result.outcome,
        result.summary.bound(DETAIL_CHARACTERS),
        tuple(detail.bound(DETAIL_CHARACTERS) for detail in details),
    )
