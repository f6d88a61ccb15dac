"""A command in a container of a target; exit status 0 is a success."""

from sidecar.core.model.maintenance_task import (
    TargetCommand,
    Task,
    TaskOutcome,
    TaskResult,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.core.text.printable import printable
from sidecar.tasks.task_tools import TaskFailed, TaskTools

OUTPUT_LINES = 20


async def run_task(task: Task, tools: TaskTools) -> TaskResult:
    """Run the command in the target's first container that runs."""
    assert isinstance(task.does, TargetCommand)
    container_id = _find_container(task.does.target, tools)
    result = await tools.engine.execute(container_id, task.does.command, task.timeout_s)
    lines = tools.mask(result.output).splitlines()[-OUTPUT_LINES:]
    details = tuple(text_reason(printable(line)) for line in lines if line.strip())
    summary = Reason.of(R.TASK_EXIT_STATUS, count=result.exit_code)
    outcome = TaskOutcome.DONE if result.exit_code == 0 else TaskOutcome.FAILED
    return TaskResult(outcome, summary, details)


def _find_container(target: str, tools: TaskTools) -> str:
    instances = tools.state().replicas(target)
    containers = (i.container for i in instances if i.container is not None)
    running = next((c for c in containers if c.status == "running"), None)
    if running is None:
        raise TaskFailed(f"no container of {target} runs")
    return running.id
