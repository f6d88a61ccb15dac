"""Result of one step of the loop: first stored, then reported, then executed."""

from collections.abc import Mapping
from typing import NamedTuple

from sidecar.core.model.decision import Decision
from sidecar.core.model.drill import DrillRecord
from sidecar.core.model.event import Event
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.model.message import Message
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.transition import Transition


class StepResult(NamedTuple):
    """Result of one step of the loop, to be stored.

    ``touched`` are the instances that may have changed; ``evidence`` comes with a
    remedy that has acted and after a page, JSON-ready and masked; ``messages`` are
    to be sent. ``task_runs`` are the runs of maintenance tasks that began (they are to
    be carried out) or ended. ``drill_records``: drills that ended or were refused.
    """

    event: Event
    transitions: tuple[Transition, ...]
    decisions: tuple[Decision, ...]
    touched: tuple[InstanceId, ...]
    state: State
    messages: tuple[Message, ...] = ()
    evidence: Mapping[str, object] | None = None
    task_runs: tuple[TaskRun, ...] = ()
    drill_records: tuple[DrillRecord, ...] = ()
