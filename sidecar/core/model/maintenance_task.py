"""Maintenance tasks: their kinds, their settings, and the record of each run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self

from sidecar.core.model.moment import Moment
from sidecar.core.reason.reason import NO_REASON, Reason


class TaskKindRule(NamedTuple):
    """Properties of a kind of task.

    ``timeout_s``: default of the longest duration of a run. ``catches_up``: a run that
    was missed is made up for at the next start, and a new task runs at once: it does no
    harm at any time.
    ``reports_always``: by default people are told of each run, not of problems alone.
    """

    timeout_s: float = 300.0
    catches_up: bool = False
    reports_always: bool = False
    needs_engine: bool = False


class TaskKind(StrEnum):
    """Public names of the kinds of task."""

    rule: TaskKindRule

    def __new__(cls, name: str, rule: TaskKindRule = TaskKindRule()) -> Self:  # noqa: B008
        """A member with its rule; its value is the name alone."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.rule = rule
        return member

    HEALTH_SUMMARY = "health_summary", TaskKindRule(reports_always=True)
    REPORT = "report", TaskKindRule(reports_always=True)
    CONFIG_CHECK = "config_check"
    IMAGE_AGE = "image_age", TaskKindRule(needs_engine=True)
    CLEAN_UP = "clean_up", TaskKindRule(catches_up=True)
    HTTP = "http", TaskKindRule(timeout_s=30.0)
    COMMAND = "command", TaskKindRule(needs_engine=True)
    BACKUP_VERIFICATION = "backup_verification", TaskKindRule(timeout_s=3600.0)
    BACKUP = "backup", TaskKindRule(timeout_s=900.0)
    """Each target with settings of backups has one."""


class TaskNotify(StrEnum):
    """Runs of which people are told."""

    ALWAYS = "always"
    PROBLEMS = "problems"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class HttpCall:
    """Request of a task; an answer 2xx is a success. Redirects are not followed."""

    url: str = field(repr=False)
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class TargetCommand:
    """Command of a task in a container of ``target``; exit status 0 is a success."""

    target: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """The period of a report, until now."""

    period_s: float = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class ImageLimit:
    """The age above which an image is old."""

    older_than_s: float = 180 * 86_400.0


TaskSettings = HttpCall | TargetCommand | ReportPeriod | ImageLimit


@dataclass(frozen=True, slots=True)
class Task:
    """A task with its schedule. ``does``: what only some kinds need.

    ``target``: the target that the task is about; None: the stack.
    """

    name: str
    kind: TaskKind
    cron: str
    timezone: str = "UTC"
    timeout_s: float = 300.0
    notify: TaskNotify = TaskNotify.PROBLEMS
    target: str | None = None
    does: TaskSettings | None = None


class TaskOutcome(StrEnum):
    """Outcome of a run.

    FINDINGS: the task was done and found something that a person should look at.
    MISSED: Sidecar was down or the host was suspended at the due time, or no watchdog
    is known to have run it. SKIPPED: the run before was still under way.
    INTERRUPTED: Sidecar ended in the middle of it.
    """

    DONE = "done"
    FINDINGS = "findings"
    FAILED = "failed"
    MISSED = "missed"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"

    @property
    def is_problem(self) -> bool:
        """Should a person look at it?"""
        return self is not TaskOutcome.DONE


class TaskResult(NamedTuple):
    """Result of a task, for people; texts of others are masked.

    ``details`` are lines of their own: what was found, or the end of an output.
    """

    outcome: TaskOutcome
    summary: Reason
    details: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One run of a task; ``outcome`` None: it is under way.

    ``due_wall`` is the time of the schedule; for a run that an operator requested
    (``is_requested``) the time of the request. ``missed``: how many due times a record
    of outcome MISSED stands for; ``due_wall`` is the last of them. ``seconds``: the
    duration.
    """

    task: str
    kind: TaskKind
    due_wall: float
    began: Moment
    is_requested: bool = False
    outcome: TaskOutcome | None = None
    seconds: float = 0.0
    summary: Reason = NO_REASON
    details: tuple[Reason, ...] = ()
    missed: int = 0

    @property
    def ended_wall(self) -> float:
        """End of a run that has ended."""
        return self.began.wall + self.seconds


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """Progress of a task in force.

    ``taken_wall``: the last due time that was begun or recorded as missed; at first the
    time when the task came into force. ``cron`` and ``timezone`` are those of that
    time: with another schedule it says nothing. ``last``: the last run that has ended.
    ``told``: the problem that people know of, since ``told_wall``; None: they know of
    none.
    """

    cron: str
    timezone: str
    taken_wall: float
    running: TaskRun | None = None
    last: TaskRun | None = None
    told: TaskOutcome | None = None
    told_wall: float = 0.0


def taken_walls(
    tasks: Mapping[str, Task], progress: Mapping[str, TaskProgress]
) -> dict[str, float]:
    """The last taken due time of each task whose schedule is still the same."""
    return {
        name: entry.taken_wall
        for name, task in tasks.items()
        if (entry := progress.get(name)) is not None
        and (entry.cron, entry.timezone) == (task.cron, task.timezone)
    }
