"""Maintenance tasks and their runs as answers of the API."""

from collections.abc import Iterable

from sidecar.api_types.maintenance import (
    MaintenanceStatus,
    TaskRunSummary,
    TaskStatus,
)
from sidecar.core.model.maintenance_task import Task, TaskRun
from sidecar.core.model.state import State
from sidecar.core.ports.loop import TaskSchedule
from sidecar.core.text.formatting import rfc3339

NEXT_TIMES = 3


def show_maintenance(
    state: State, schedule: TaskSchedule, runs: Iterable[TaskRun], *, details: bool
) -> MaintenanceStatus:
    """The tasks in force and the last runs; ``details``: the reader may see them."""
    tasks = sorted(state.tasks.values(), key=lambda task: task.name)
    return MaintenanceStatus(
        tasks=tuple(_show_task(state, task, schedule, details) for task in tasks),
        runs=tuple(show_run(run, details=details) for run in runs),
    )


def _show_task(
    state: State,
    task: Task,
    schedule: TaskSchedule,
    details: bool,  # noqa: FBT001 - passed on
) -> TaskStatus:
    progress = state.task_progress[task.name]
    running, last = progress.running, progress.last
    return TaskStatus(
        task=task.name,
        type=task.kind,
        target=task.target,
        cron=task.cron,
        timezone=task.timezone,
        next=tuple(map(rfc3339, schedule.upcoming_times(task.name, NEXT_TIMES))),
        running=None if running is None else show_run(running, details=details),
        last=None if last is None else show_run(last, details=details),
    )


def show_run(run: TaskRun, *, details: bool) -> TaskRunSummary:
    """One run."""
    has_ended = run.outcome is not None
    return TaskRunSummary(
        task=run.task,
        type=run.kind,
        due=rfc3339(run.due_wall),
        began=rfc3339(run.began.wall),
        requested=run.is_requested,
        outcome=run.outcome,
        ended=rfc3339(run.ended_wall) if has_ended else None,
        seconds=round(run.seconds, 3) if has_ended else None,
        missed=run.missed,
        reason=str(run.summary),
        reason_code=run.summary.code,
        details=tuple(map(str, run.details)) if details else (),
    )
