"""Maintenance worked into the state: what is due begins, what has ended is noted.

A task runs once at a time. What was missed is recorded; only a kind of task that does
no harm at any time (``catches_up``) is made up for, and begins as soon as it is new.
"""

from types import MappingProxyType

from sidecar.core.model.maintenance_task import (
    Task,
    TaskOutcome,
    TaskProgress,
    TaskResult,
    TaskRun,
)
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.task_event import (
    TaskCompleted,
    TaskDue,
    TaskRequested,
    TasksPlanned,
    WaitingTask,
    WindowsPlanned,
)
from sidecar.core.model.update import Update, no_update
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.lease import is_held, leads
from sidecar.core.step import waiting_tasks


def on_windows_planned(state: State, event: WindowsPlanned) -> Update:
    """Note the periods of the maintenance windows."""
    return Update(replace(state, windows=event.periods), (), tuple(state.instances))


def on_tasks_planned(state: State, event: TasksPlanned) -> Update:
    """Put tasks in force; record runs that the end of a predecessor interrupted."""
    tasks = {task.name: task for task in event.tasks}
    progress = {
        name: _progress_in_force(state, task, event.at) for name, task in tasks.items()
    }
    ending = {
        name: entry
        for name, entry in state.task_progress.items()
        if name not in tasks and entry.running is not None
    }
    interrupted = tuple(
        _end(run, TaskResult(TaskOutcome.INTERRUPTED, Reason.of(R.TASK_INTERRUPTED)))
        for run in state.interrupted_runs
    )
    for run in interrupted:
        if run.task in progress:
            progress[run.task] = replace(progress[run.task], last=run)
    after = replace(
        state,
        tasks=MappingProxyType(tasks),
        task_progress=MappingProxyType({**ending, **progress}),
        interrupted_runs=(),
    )
    update = _begin_new(
        after, tuple(t for t in event.tasks if _is_new(state, t)), event
    )
    return update._replace(task_runs=(*interrupted, *update.task_runs))


def _is_new(state: State, task: Task) -> bool:
    """Is it a task that does no harm at any time, and never ran?"""
    return task.kind.rule.catches_up and task.name not in state.task_progress


def _begin_new(state: State, tasks: tuple[Task, ...], event: TasksPlanned) -> Update:
    runs: list[TaskRun] = []
    for task in tasks:
        update = _begin(state, task, event.at.wall, event.at, is_requested=False)
        state = update.state
        runs.extend(update.task_runs)
    return Update(state, (), (), tuple(runs))


def _progress_in_force(state: State, task: Task, at: Moment) -> TaskProgress:
    progress = state.task_progress.get(task.name)
    if progress is None:
        return TaskProgress(task.cron, task.timezone, at.wall)
    if (progress.cron, progress.timezone) == (task.cron, task.timezone):
        return progress
    return replace(progress, cron=task.cron, timezone=task.timezone, taken_wall=at.wall)


def on_task_due(state: State, event: TaskDue) -> Update:
    """Begin a run that is due; record those that were missed."""
    task = state.tasks.get(event.task)
    if task is None:
        return no_update(state)
    if not task.kind.rule.catches_up:
        if waiting_tasks.is_holder_unknown(state.lease, event.at.mono):
            return Update(waiting_tasks.add_task(state, event), (), ())
        if not leads(state.lease, event.at.mono):
            return _leave_to_holder(state, task, event)
    return _begin_due(state, task, event)


def _begin_due(state: State, task: Task, event: TaskDue) -> Update:
    due_wall = event.due_wall
    missed: tuple[TaskRun, ...] = ()
    if event.missed_count:
        if not task.kind.rule.catches_up:
            missed = (_missed_run(task, event),)
        elif due_wall is None:
            due_wall = event.last_missed_wall
    state = _note_runs(state, missed, event.last_missed_wall)
    if due_wall is None:
        return Update(state, (), (), missed)
    update = _begin(state, task, due_wall, event.at, is_requested=False)
    return update._replace(task_runs=(*missed, *update.task_runs))


def _leave_to_holder(state: State, task: Task, event: TaskDue) -> Update:
    """Another watchdog runs it: its time is taken, and nothing is recorded.

    It is remembered for a while: that watchdog may have ended already.
    """
    progress = replace(state.task_progress[task.name], taken_wall=_taken_wall(event))
    after = _with_progress(state, task.name, progress)
    return Update(waiting_tasks.add_left_task(after, event), (), ())


def _taken_wall(event: TaskDue) -> float:
    times = (event.due_wall, event.last_missed_wall, event.at.wall)
    return next(wall for wall in times if wall is not None)


def settle_waiting_tasks(state: State, at: Moment) -> Update:
    """Begin, leave or record the tasks of which it is known now who runs them."""
    runs: list[TaskRun] = []
    for waiting in waiting_tasks.find_settled(state, at):
        state = waiting_tasks.without_task(state, waiting)
        update = _settle(state, waiting, at)
        state = update.state
        runs.extend(update.task_runs)
    return Update(state, (), (), tuple(runs))


def _settle(state: State, waiting: WaitingTask, at: Moment) -> Update:
    due, lease = replace(waiting.due, at=at), state.lease
    task = state.tasks.get(due.task)
    if task is None:
        return no_update(state)
    if waiting_tasks.is_holder_unknown(lease, at.mono):
        return _record_missed(state, task, due, R.TASK_HOLDER_UNKNOWN)
    if not waiting.holder:
        return on_task_due(state, due)
    if lease is not None and is_held(lease, at.mono):
        return _record_missed(state, task, due, R.TASK_LEFT_TO_DEAD)
    return no_update(state)


def _record_missed(state: State, task: Task, due: TaskDue, code: R) -> Update:
    taken_wall = _taken_wall(due)
    count = waiting_tasks.count_times(due)
    run = TaskRun(task.name, task.kind, taken_wall, due.at, missed=count)
    reason = Reason.of(code, due_wall=taken_wall)
    run = _end(run, TaskResult(TaskOutcome.MISSED, reason))
    return Update(_note_runs(state, (run,), taken_wall), (), (), (run,))


def on_task_requested(state: State, event: TaskRequested) -> Update:
    """Begin a run that an operator requested, unless one is under way."""
    task = state.tasks.get(event.task)
    if task is None or state.task_progress[task.name].running is not None:
        return no_update(state)
    return _begin(state, task, event.at.wall, event.at, is_requested=True)


def on_task_completed(state: State, event: TaskCompleted) -> Update:
    """Note the result of the run that is under way."""
    progress = state.task_progress.get(event.task)
    if progress is None or progress.running is None:
        return no_update(state)
    seconds = event.at.mono - progress.running.began.mono
    run = _end(progress.running, event.result, seconds)
    return Update(_note_runs(state, (run,), None, ends=True), (), (), (run,))


def _begin(
    state: State, task: Task, due_wall: float, at: Moment, *, is_requested: bool
) -> Update:
    progress = state.task_progress[task.name]
    run = TaskRun(task.name, task.kind, due_wall, at, is_requested)
    # An operator's run takes no time of the schedule.
    taken_wall = progress.taken_wall if is_requested else due_wall
    if progress.running is not None:
        skipped = TaskResult(TaskOutcome.SKIPPED, Reason.of(R.TASK_STILL_RUNS))
        run = _end(run, skipped)
        return Update(_note_runs(state, (run,), taken_wall), (), (), (run,))
    updated = replace(progress, running=run, taken_wall=taken_wall)
    return Update(_with_progress(state, task.name, updated), (), (), (run,))


def _missed_run(task: Task, event: TaskDue) -> TaskRun:
    last_wall = event.last_missed_wall or event.at.wall
    summary = Reason.of(R.TASK_MISSED, count=event.missed_count, due_wall=last_wall)
    run = TaskRun(task.name, task.kind, last_wall, event.at, missed=event.missed_count)
    return _end(run, TaskResult(TaskOutcome.MISSED, summary))


def _end(run: TaskRun, result: TaskResult, seconds: float = 0.0) -> TaskRun:
    outcome, summary, details = result
    return replace(
        run, outcome=outcome, summary=summary, details=details, seconds=seconds
    )


def _note_runs(
    state: State,
    runs: tuple[TaskRun, ...],
    taken_wall: float | None,
    *,
    ends: bool = False,
) -> State:
    """The state with ended runs of one task; ``ends``: none is under way now."""
    for run in runs:
        progress = state.task_progress[run.task]
        updated = replace(
            progress,
            last=run,
            running=None if ends else progress.running,
            taken_wall=progress.taken_wall if taken_wall is None else taken_wall,
        )
        if ends and run.task not in state.tasks:
            return _without_progress(state, run.task)
        state = _with_progress(state, run.task, updated)
    return state


def _with_progress(state: State, name: str, progress: TaskProgress) -> State:
    progress_by_task = {**state.task_progress, name: progress}
    return replace(state, task_progress=MappingProxyType(progress_by_task))


def _without_progress(state: State, name: str) -> State:
    progress_by_task = {k: v for k, v in state.task_progress.items() if k != name}
    return replace(state, task_progress=MappingProxyType(progress_by_task))
