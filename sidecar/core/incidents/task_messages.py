"""Messages about runs of maintenance tasks.

A problem is told when it is new, and again once a day while it lasts; the first run
that is done after it is told as well. A task that always reports tells each run.
"""

from collections.abc import Iterable
from types import MappingProxyType

from sidecar.core.incidents.payment_impact import payment_impact_of_stack
from sidecar.core.incidents.routing import informational_messages
from sidecar.core.model.cause import Severity
from sidecar.core.model.incident import new_id
from sidecar.core.model.maintenance_task import (
    Task,
    TaskNotify,
    TaskOutcome,
    TaskProgress,
    TaskRun,
)
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.reason.reason_text import encode_reason, reason_facts
from sidecar.core.status.maintenance_windows import hold_until_end

REPEAT_S = 20 * 3600.0
"""A daily task tells its problem each day."""


def task_messages(
    state: State, runs: Iterable[TaskRun], settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Messages about runs that have ended, for information (P2).

    In a maintenance window of the task's target, or of all targets, they are sent at
    its end.
    """
    messages: list[Message] = []
    for run in runs:
        task, progress = state.tasks.get(run.task), state.task_progress.get(run.task)
        if task is None or progress is None or not _is_reported(run, task, progress):
            continue
        is_done = run.outcome is TaskOutcome.DONE
        kind = MessageKind.TASK_DONE if is_done else MessageKind.TASK_PROBLEM
        group_id, facts = new_id(run.task, at), _facts(state, run)
        new = informational_messages(group_id, Severity.P2, kind, facts, settings, at)
        messages += hold_until_end(state, task.target or "", at.wall, new)
        state = _note_told(state, run, progress)
    return state, tuple(messages)


def _is_reported(run: TaskRun, task: Task, progress: TaskProgress) -> bool:
    if run.outcome in {None, TaskOutcome.SKIPPED} or task.notify is TaskNotify.NEVER:
        return False
    if run.outcome is TaskOutcome.DONE:
        return task.notify is TaskNotify.ALWAYS or progress.told is not None
    is_known = progress.told is run.outcome
    return not is_known or run.ended_wall - progress.told_wall >= REPEAT_S


def _note_told(state: State, run: TaskRun, progress: TaskProgress) -> State:
    problem = None if run.outcome is TaskOutcome.DONE else run.outcome
    noted = replace(progress, told=problem, told_wall=run.ended_wall)
    progress_by_task = {**state.task_progress, run.task: noted}
    return replace(state, task_progress=MappingProxyType(progress_by_task))


def _facts(state: State, run: TaskRun) -> dict[str, str]:
    """Facts of a message; ``details_data`` has a line for each detail."""
    details = run.details
    return {
        "target": run.task,
        "outcome": run.outcome or "",
        "opened_at_wall": f"{run.due_wall:.3f}",
        "seconds": f"{run.seconds:.0f}",
        "details_data": "\n".join(map(encode_reason, details)),
        **reason_facts("reason", run.summary),
        **payment_impact_of_stack(state).facts,
    }
