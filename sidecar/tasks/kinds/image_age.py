"""Image age: containers whose image was built long ago."""

from sidecar.core.model.maintenance_task import (
    ImageLimit,
    Task,
    TaskOutcome,
    TaskResult,
)
from sidecar.core.ports.engine import EngineError
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.tasks.task_tools import TaskTools

DAY_S = 86_400.0


async def run_task(task: Task, tools: TaskTools) -> TaskResult:
    """Compare the age of each image with the limit; what is not known is no finding."""
    assert isinstance(task.does, ImageLimit)
    now_wall = tools.clock.now().wall
    old: list[Reason] = []
    unknown: list[Reason] = []
    checked = 0
    for instance in tools.state().instances.values():
        if instance.container is None:
            continue
        try:
            built_wall = await tools.image_built(instance.container.id)
        except EngineError as error:
            error_text = tools.mask(str(error))
            unknown.append(
                Reason.of(R.TASK_IMAGE_UNKNOWN, root=instance.name, said=error_text)
            )
            continue
        checked += 1
        age_s = now_wall - built_wall
        if age_s > task.does.older_than_s:
            days = int(age_s / DAY_S)
            old.append(Reason.of(R.TASK_IMAGE_OLD, root=instance.name, count=days))
    outcome = TaskOutcome.FINDINGS if old else TaskOutcome.DONE
    limit_days = int(task.does.older_than_s / DAY_S)
    summary = Reason.of(R.TASK_IMAGES, count=len(old), needed=checked, size=limit_days)
    return TaskResult(outcome, summary, (*old, *unknown))
