"""Health summary: what does not work now, and what is open."""

from collections.abc import Iterator

from sidecar.core.model.maintenance_task import Task, TaskOutcome, TaskResult
from sidecar.core.model.state import State
from sidecar.core.model.target_state import SERVING_STATES
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.tasks.task_tools import TaskTools


async def run_task(_: Task, tools: TaskTools) -> TaskResult:
    """Sum up the present state."""
    state = tools.state()
    instances = tuple(state.instances.values())
    works = sum(instance.state in SERVING_STATES for instance in instances)
    open_count = sum(incident.open for incident in state.incidents.values())
    details = (*_failing_instances(state), *_problems(state))
    outcome = TaskOutcome.FINDINGS if details or open_count else TaskOutcome.DONE
    summary = Reason.of(
        R.TASK_HEALTH, count=works, needed=len(instances), outages=open_count
    )
    return TaskResult(outcome, summary, details)


def _failing_instances(state: State) -> Iterator[Reason]:
    for instance in state.instances.values():
        if instance.state not in SERVING_STATES:
            yield Reason.of(R.IS_IN_STATE, root=instance.name, state=instance.state)


def _problems(state: State) -> Iterator[Reason]:
    """Tasks whose last run was no success."""
    for name, progress in state.task_progress.items():
        last = progress.last
        if last is None or last.outcome is None or not last.outcome.is_problem:
            continue
        yield Reason.of(R.TASK_LAST_RUN, said=name, reason=last.summary)
