"""Backup: copies the wallet files of a target, proves the copies, sends them away."""

from collections.abc import Iterator

from sidecar.core.backup.result import BackupResult
from sidecar.core.model.maintenance_task import Task, TaskOutcome, TaskResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.tasks.task_tools import TaskTools


async def run_task(task: Task, tools: TaskTools) -> TaskResult:
    """Back up the wallet files of the task's target."""
    results = await tools.backups.run(task.target or "", is_planned=True)
    stored = sum(result.record is not None for result in results)
    summary = Reason.of(R.TASK_BACKED_UP, count=stored, total=len(results))
    details = tuple(detail for result in results for detail in _details(result))
    if stored < len(results):
        return TaskResult(TaskOutcome.FAILED, summary, details)
    outcome = TaskOutcome.FINDINGS if details else TaskOutcome.DONE
    return TaskResult(outcome, summary, details)


def _details(result: BackupResult) -> Iterator[Reason]:
    yield from (finding.reason for finding in result.findings)
    if result.failure:
        yield result.failure
    if result.offsite_failure:
        yield result.offsite_failure
