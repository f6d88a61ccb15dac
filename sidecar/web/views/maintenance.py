"""Maintenance windows, tasks and their runs as answers of the API."""

from collections.abc import Iterable
from typing import NamedTuple

from sidecar.api_types.maintenance import (
    MaintenanceStatus,
    TaskRunSummary,
    TaskStatus,
    WindowStatus,
)
from sidecar.core.model.maintenance_task import Task, TaskRun
from sidecar.core.model.maintenance_window import WindowPeriod
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.ports.loop import TaskSchedule
from sidecar.core.text.formatting import rfc3339

NEXT_TIMES = 3


class MaintenanceFacts(NamedTuple):
    """Facts for the answer; ``runs`` are the last ones, newest first."""

    state: State
    now: Moment
    schedule: TaskSchedule
    runs: Iterable[TaskRun]


def show_maintenance(facts: MaintenanceFacts, *, details: bool) -> MaintenanceStatus:
    """Windows, tasks and last runs; ``details``: the reader may see those of a run."""
    state, now = facts.state, facts.now
    tasks = sorted(state.tasks.values(), key=lambda task: task.name)
    return MaintenanceStatus(
        windows=tuple(_show_window(p, now) for p in state.windows),
        tasks=tuple(_show_task(facts, task, details) for task in tasks),
        runs=tuple(show_run(run, details=details) for run in facts.runs),
    )


def _show_window(period: WindowPeriod, now: Moment) -> WindowStatus:
    return WindowStatus(
        begin=rfc3339(period.begin_wall),
        end=rfc3339(period.end_wall),
        targets=period.targets,
        active=period.includes(now.wall),
    )


def _show_task(
    facts: MaintenanceFacts,
    task: Task,
    details: bool,  # noqa: FBT001 - passed on
) -> TaskStatus:
    progress = facts.state.task_progress[task.name]
    running, last = progress.running, progress.last
    return TaskStatus(
        task=task.name,
        type=task.kind,
        target=task.target,
        cron=task.cron,
        timezone=task.timezone,
        next=tuple(map(rfc3339, facts.schedule.upcoming_times(task.name, NEXT_TIMES))),
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
