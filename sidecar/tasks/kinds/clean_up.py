"""Clean-up: removes old records and surplus backups, and counts them."""

from sidecar.core.model.maintenance_task import Task, TaskOutcome, TaskResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.tasks.task_tools import TaskTools


async def run_task(_: Task, tools: TaskTools) -> TaskResult:
    """Remove records older than the retention, and backups beyond ``keep``."""
    removed = await tools.remove_old()
    removed_by_name = {**removed, "backups": await tools.backups.remove_surplus()}
    summary = Reason.of(R.TASK_REMOVED, count=sum(removed.values()))
    details = tuple(
        Reason.of(R.TASK_REMOVED_OF, count=count, said=name)
        for name, count in removed_by_name.items()
        if count
    )
    return TaskResult(TaskOutcome.DONE, summary, details)
