"""Backup verification: reads the stored backups of all targets again."""

from collections.abc import Iterator

from sidecar.core.backup.result import VerifyResult
from sidecar.core.model.maintenance_task import Task, TaskOutcome, TaskResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.tasks.task_tools import TaskTools


async def run_task(_: Task, tools: TaskTools) -> TaskResult:
    """Verify every stored backup; the newest of each file by a restore test."""
    results: list[tuple[str, VerifyResult]] = []
    for backups in await tools.backups.overview():
        verified = await tools.backups.verify(backups.target)
        results += [(backups.target, result) for result in verified]
    whole = sum(result.is_whole for _, result in results)
    summary = Reason.of(R.TASK_VERIFIED, count=whole, total=len(results))
    is_done = bool(results) and whole == len(results)
    outcome = TaskOutcome.DONE if is_done else TaskOutcome.FINDINGS
    return TaskResult(outcome, summary, tuple(_details(results)))


def _details(results: list[tuple[str, VerifyResult]]) -> Iterator[Reason]:
    for target, result in results:
        if result.reason:
            backup_name = f"{target} {result.record.id}"
            yield Reason.of(R.TASK_BACKUP_SAYS, said=backup_name, reason=result.reason)
