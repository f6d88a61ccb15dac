"""Events about maintenance tasks and windows, a part of ``event.Event``."""

from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.model.maintenance_task import Task, TaskResult
from sidecar.core.model.maintenance_window import WindowPeriod
from sidecar.core.model.moment import Moment


@dataclass(frozen=True, slots=True)
class TasksPlanned:
    """The maintenance tasks in force; posted at the start and after each change."""

    at: Moment
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class TaskDue:
    """A maintenance task is due at ``due_wall``; None: its times were only missed.

    ``missed_count`` times before it were missed, the last at ``last_missed_wall``.
    """

    at: Moment
    task: str
    due_wall: float | None
    missed_count: int = 0
    last_missed_wall: float | None = None


class WaitingTask(NamedTuple):
    """A due task that waits until it is known which watchdog runs it.

    ``holder``: the other watchdog that held the lease at that time; "": none was known.
    """

    due: TaskDue
    holder: str = ""


@dataclass(frozen=True, slots=True)
class TaskRequested:
    """An operator requests a run of a maintenance task now."""

    at: Moment
    task: str


@dataclass(frozen=True, slots=True)
class TaskCompleted:
    """The run of a maintenance task has ended."""

    at: Moment
    task: str
    result: TaskResult


@dataclass(frozen=True, slots=True)
class WindowsPlanned:
    """The periods of the maintenance windows: those that last, and the next ones."""

    at: Moment
    periods: tuple[WindowPeriod, ...]


TaskEvent = TasksPlanned | TaskDue | TaskRequested | TaskCompleted | WindowsPlanned
