"""Maintenance: windows, tasks and their runs."""

from msgspec import Struct

from sidecar.api_types.words import Instant, ReasonCode, TaskOutcomeName, TaskTypeName


class TaskRunSummary(Struct, frozen=True):
    """One run of a task; ``outcome`` null: it is under way.

    ``due`` is the time of the schedule, or of the request (``requested``). ``missed``:
    the number of due times that a run of outcome ``missed`` stands for. ``details``
    need authorisation.
    """

    task: str
    type: TaskTypeName
    due: Instant
    began: Instant
    requested: bool
    outcome: TaskOutcomeName | None
    ended: Instant | None
    seconds: float | None
    missed: int
    reason: str
    reason_code: ReasonCode
    details: tuple[str, ...]


class TaskStatus(Struct, frozen=True):
    """One task; ``next``: its next due times. ``target`` null: the whole stack."""

    task: str
    type: TaskTypeName
    target: str | None
    cron: str
    timezone: str
    next: tuple[Instant, ...]
    running: TaskRunSummary | None
    last: TaskRunSummary | None


class WindowStatus(Struct, frozen=True):
    """A period of a maintenance window; ``targets`` empty: all. ``active``: now."""

    begin: Instant
    end: Instant
    targets: tuple[str, ...]
    active: bool


class MaintenanceStatus(Struct, frozen=True):
    """Windows that last or come next, tasks in force, and last runs, newest first."""

    windows: tuple[WindowStatus, ...]
    tasks: tuple[TaskStatus, ...]
    runs: tuple[TaskRunSummary, ...]


class TaskRunAnswer(Struct, frozen=True):
    """The run that has begun."""

    run: TaskRunSummary
