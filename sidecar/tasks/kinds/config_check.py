"""Configuration check: the file as it is now, and the hazards of the running stack.

It runs ``sidecar config check`` and ``sidecar doctor``, each in a process of its own:
what they need is not kept in memory.
"""

import json
from collections.abc import Iterator
from typing import Any

from sidecar.core.model.maintenance_task import Task, TaskOutcome, TaskResult
from sidecar.core.model.state import State
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.core.text.printable import on_one_line
from sidecar.tasks.task_tools import OwnOutput, TaskFailed, TaskTools

_NOT_KNOWN = 2
"""Exit status of a command that has no answer."""


async def run_task(_: Task, tools: TaskTools) -> TaskResult:
    """Check both; a file that is good and a stack without hazards are a success."""
    checked = await tools.run_own("config", "check", "--json")
    doctor = await tools.run_own("doctor", "--json")
    faults = tuple(_faults(checked))
    details = (*faults, *_missing_targets(tools.state()), *_hazards(doctor))
    details = tuple(detail.map_text(tools.mask) for detail in details)
    outcome = TaskOutcome.FINDINGS if details else TaskOutcome.DONE
    return TaskResult(outcome, Reason.of(R.TASK_CHECKED, count=len(details)), details)


def _faults(checked: OwnOutput) -> Iterator[Reason]:
    """Faults of the file, or its warnings where there are none."""
    if checked.exit_status:
        yield from map(text_reason, filter(None, checked.errors.splitlines()))
        return
    yield from map(text_reason, _document(checked).get("warnings", ()))


def _missing_targets(state: State) -> Iterator[Reason]:
    """Targets of the settings without a container in the running stack."""
    for instance in state.instances.values():
        if instance.container is None:
            yield Reason.of(R.IS_IN_STATE, root=instance.name, state=instance.state)


def _hazards(doctor: OwnOutput) -> Iterator[Reason]:
    if doctor.exit_status >= _NOT_KNOWN:
        raise TaskFailed(f"sidecar doctor: {on_one_line(doctor.errors)}")
    for hazard in _document(doctor).get("hazards", ()):
        service = f"{hazard['service']}: " if hazard["service"] else ""
        text = f"{hazard['code']}: {service}{hazard['reason']}"
        yield text_reason(text)


def _document(output: OwnOutput) -> Any:  # noqa: ANN401 - a JSON document
    try:
        return json.loads(output.answer)
    except ValueError as error:
        raise TaskFailed("a command of Sidecar's own has no usable answer") from error
