"""The log lines of maintenance tasks."""

from collections.abc import Iterable

from loguru import logger

from sidecar.core.model.maintenance_task import TaskOutcome, TaskRun

_GOOD = frozenset({TaskOutcome.DONE, TaskOutcome.SKIPPED})


def log_task_runs(runs: Iterable[TaskRun]) -> None:
    """Log the begin or the end of each run, with its result and its details."""
    for run in runs:
        _log_run(run)


def _log_run(run: TaskRun) -> None:
    task_log = logger.bind(task=run.task, kind=run.kind, outcome=run.outcome)
    if run.outcome is None:
        why = "an operator asked for it" if run.is_requested else "it is due"
        task_log.info("maintenance task {} begins: {}", run.task, why)
        return
    level = "INFO" if run.outcome in _GOOD else "WARNING"
    task_log.bind(seconds=round(run.seconds, 3)).log(
        level,
        "maintenance task {}: {} after {:.1f} s: {}",
        run.task,
        run.outcome,
        run.seconds,
        run.summary,
    )
    for detail in run.details:
        task_log.log(level, "maintenance task {}: {}", run.task, detail)
