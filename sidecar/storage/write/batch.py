"""Changes that wait to be written. A later batch is merged into the earlier one."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.core.model.decision import Decision
from sidecar.core.model.drill import DrillRecord
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.model.message import Message
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import EfficacyKey
from sidecar.core.model.target import InstanceId
from sidecar.core.model.transition import Transition

WAITING_ENTRIES = 10_000
WAITING_EVIDENCE = 50
WAITING_TASK_RUNS = 1000
WAITING_DRILLS = 1000

JournalItem = Transition | Decision


class EvidenceRow(NamedTuple):
    """Evidence for an incident."""

    incident: str
    at_wall: float
    facts: Mapping[str, object]


class DeliveryUpdate(NamedTuple):
    """A message's delivery status; ``ended_wall`` None: it still waits."""

    attempts: int
    not_before_wall: float
    ended_wall: float | None
    arrived: bool
    error: str


@dataclass(slots=True)
class WriteBatch:
    """Changes of one transaction; of each key only the newest value.

    The journal and the evidence are bounded by dropping the oldest entries: the
    rest is bounded by the number of watched instances.
    """

    instances: dict[InstanceId, Instance | None] = field(default_factory=dict)
    """None: the instance no longer exists."""
    incidents: dict[str, Incident] = field(default_factory=dict)
    ledger: dict[EfficacyKey, RemedyStats | None] = field(default_factory=dict)
    """None: an operator declared it repaired."""
    memory: dict[str, str] = field(default_factory=dict)
    """Single values by their names, as JSON."""
    messages: dict[str, Message] = field(default_factory=dict)
    marks: dict[str, DeliveryUpdate] = field(default_factory=dict)
    stretches: dict[float, float] = field(default_factory=dict)
    """Monitored intervals: from, until."""
    entries: deque[JournalItem] = field(default_factory=deque)
    evidence: deque[EvidenceRow] = field(default_factory=deque)
    task_runs: deque[TaskRun] = field(
        default_factory=lambda: deque(maxlen=WAITING_TASK_RUNS)
    )
    """Runs of maintenance tasks that have ended."""
    drills: deque[DrillRecord] = field(
        default_factory=lambda: deque(maxlen=WAITING_DRILLS)
    )
    """Drills that have ended or were refused."""
    clock: Moment | None = None
    """Reference for the monotonic times in the batch."""
    dropped: int = 0
    """Number of journal entries dropped because too many waited."""

    def __bool__(self) -> bool:
        return bool(
            self.instances
            or self.entries
            or self.incidents
            or self.ledger
            or self.memory
            or self.messages
            or self.marks
            or self.stretches
            or self.evidence
            or self.task_runs
            or self.drills
        )

    def add(self, newer: "WriteBatch") -> None:
        """Merge a newer batch."""
        self.instances.update(newer.instances)
        self.incidents.update(newer.incidents)
        self.ledger.update(newer.ledger)
        self.memory.update(newer.memory)
        self.messages.update(newer.messages)
        self.marks.update(newer.marks)
        self.stretches.update(newer.stretches)
        self.entries.extend(newer.entries)
        self.evidence.extend(newer.evidence)
        self.task_runs.extend(newer.task_runs)
        self.drills.extend(newer.drills)
        self.clock = newer.clock or self.clock
        self.dropped += newer.dropped
        self._bound()

    def _bound(self) -> None:
        while len(self.entries) > WAITING_ENTRIES:
            self.entries.popleft()
            self.dropped += 1
        while len(self.evidence) > WAITING_EVIDENCE:
            self.evidence.popleft()
