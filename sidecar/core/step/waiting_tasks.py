"""Several watchdogs: due tasks that wait until it is known who runs them."""

from types import MappingProxyType

from sidecar.core.model.lease import LeaseStatus, OnLost
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.task_event import TaskDue, WaitingTask
from sidecar.core.status.lease import is_held, is_unsettled

WAIT_S = 600.0
"""Time after which a run is missed if no watchdog is known to run it."""
_NEXT_HOLDER_S = 2.0
"""A watchdog knows this soon after the end of another's lease that it has it."""


def is_holder_unknown(lease: LeaseStatus | None, now_mono: float) -> bool:
    """Is it not known yet which watchdog runs the tasks?"""
    if lease is None or is_held(lease, now_mono):
        return False
    holds_back = bool(lease.lost) and lease.settings.on_lost is OnLost.HOLD
    return holds_back or is_unsettled(lease, now_mono)


def add_task(state: State, due: TaskDue) -> State:
    """Let a due task wait until it is known who runs it.

    A time of the same task that waits already is missed.
    """
    waiting = state.waiting_tasks.get(due.task)
    if waiting is not None and not waiting.holder:
        due = _add_missed(due, waiting.due)
    return _with_task(state, WaitingTask(due))


def _add_missed(due: TaskDue, earlier: TaskDue) -> TaskDue:
    count = due.missed_count + count_times(earlier)
    last_wall = due.last_missed_wall or earlier.due_wall or earlier.last_missed_wall
    return replace(due, at=earlier.at, missed_count=count, last_missed_wall=last_wall)


def count_times(due: TaskDue) -> int:
    """The number of due times that an event stands for."""
    return due.missed_count + (due.due_wall is not None)


def add_left_task(state: State, due: TaskDue) -> State:
    """Remember a due task that is left to the holder, which may have ended already."""
    lease = state.lease
    if lease is None or lease.lost or due.due_wall is None:
        return state
    return _with_task(state, WaitingTask(due, lease.holder))


def find_settled(state: State, at: Moment) -> tuple[WaitingTask, ...]:
    """The tasks of which it is known by now who runs them, or that waited too long."""
    return tuple(
        waiting
        for waiting in state.waiting_tasks.values()
        if _is_settled(waiting, state.lease, at)
    )


def without_task(state: State, waiting: WaitingTask) -> State:
    """The state in which this task does not wait any more."""
    name = waiting.due.task
    others = {k: v for k, v in state.waiting_tasks.items() if k != name}
    return replace(state, waiting_tasks=MappingProxyType(others))


def _with_task(state: State, waiting: WaitingTask) -> State:
    waiting_by_task = {**state.waiting_tasks, waiting.due.task: waiting}
    return replace(state, waiting_tasks=MappingProxyType(waiting_by_task))


def _is_settled(waiting: WaitingTask, lease: LeaseStatus | None, at: Moment) -> bool:
    age_s = at.mono - waiting.due.at.mono
    if lease is None:
        return True
    if is_holder_unknown(lease, at.mono):
        return age_s >= WAIT_S
    if waiting.holder and lease.holder == waiting.holder and not lease.lost:
        return age_s > lease.settings.lease_s + _NEXT_HOLDER_S
    return True
