"""Clean-up: removes records that are older than the retention, and counts them."""

from sidecar.core.model.maintenance_task import Task, TaskOutcome, TaskResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.tasks.task_tools import TaskTools


async def run_task(_: Task, tools: TaskTools) -> TaskResult:
    """Remove old records."""
    removed = await tools.remove_old()
    summary = Reason.of(R.TASK_REMOVED, count=sum(removed.values()))
    details = tuple(
        Reason.of(R.TASK_REMOVED_OF, count=count, said=name)
        for name, count in removed.items()
        if count
    )
    return TaskResult(TaskOutcome.DONE, summary, details)
