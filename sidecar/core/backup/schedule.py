"""The schedule of backups, as maintenance tasks: each run is recorded."""

from collections.abc import Iterable

from sidecar.core.model.maintenance_task import Task, TaskKind
from sidecar.core.model.target import Target

PREFIX = "backup:"
"""No name of a task of the file has a colon."""


def backup_tasks(targets: Iterable[Target]) -> tuple[Task, ...]:
    """One task for each target with settings of backups."""
    return tuple(
        Task(
            f"{PREFIX}{target.name}",
            TaskKind.BACKUP,
            target.backup.cron,
            timezone=target.backup.timezone,
            timeout_s=TaskKind.BACKUP.rule.timeout_s,
            target=target.name,
        )
        for target in targets
        if target.backup is not None
    )
