"""A journal in memory, filled by the real rules' transitions and decisions."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.core.model.decision import Decision
from sidecar.core.model.drill import DrillRecord
from sidecar.core.model.incident import Incident
from sidecar.core.model.journal_entry import (
    EntryKind,
    JournalEntry,
    JournalStep,
    MonitoredInterval,
    RemedySummary,
    StateChange,
    TargetSteps,
)
from sidecar.core.model.maintenance_task import TaskRun
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.transition import (
    BalanceCompared,
    IncidentChanged,
    RemedyEnded,
    StateChanged,
    Transition,
)
from sidecar.core.reason.reason_text import encode_reason
from sidecar.core.reporting.journal_records import (
    record_of_balance,
    record_of_decision,
    record_of_transition,
)
from tests.support.message_world import MessageWorld
from tests.support.rule_world import EPOCH


def entry_of(item: Transition | Decision) -> JournalEntry:
    """The journal entry of a transition or a decision."""
    if isinstance(item, Decision):
        data = record_of_decision(item)
        return JournalEntry(
            item.at.wall,
            EntryKind.DECISION,
            item.name,
            item.incident,
            dict(data),
            encode_reason(item.reason),
        )
    if isinstance(item, BalanceCompared):
        data = record_of_balance(item)
    else:
        data = record_of_transition(item)
    kinds = {
        BalanceCompared: EntryKind.BALANCE,
        StateChanged: EntryKind.STATE,
        RemedyEnded: EntryKind.REMEDY,
        IncidentChanged: EntryKind.INCIDENT,
    }
    return JournalEntry(
        item.at.wall,
        kinds[type(item)],
        str(data["target"]),
        item.incident,
        dict(data),
        encode_reason(item.reason),
    )


def steps_of(entries: Iterable[JournalEntry]) -> list[tuple[str, TargetSteps]]:
    """Steps that a report counts, by target."""
    steps_by_target: dict[str, list[tuple[float, JournalStep]]] = {}
    for entry in entries:
        of_target = steps_by_target.setdefault(entry.target, [])
        data = entry.data
        if entry.kind is EntryKind.STATE:
            cause = data.get("cause")
            cause_text = None if cause is None else str(cause)
            change = StateChange(str(data["from"]), str(data["to"]), cause_text)
            of_target.append((entry.at_wall, change))
        if entry.kind is EntryKind.REMEDY:
            words = (str(data[name]) for name in ("action", "trigger", "outcome"))
            of_target.append((entry.at_wall, RemedySummary(*words)))
    return [(target, as_steps(pairs)) for target, pairs in steps_by_target.items()]


def as_steps(pairs: Iterable[tuple[float, JournalStep]]) -> TargetSteps:
    """The pairs as two columns: times and steps."""
    at_walls, steps = [], []
    for at_wall, step in pairs:
        at_walls.append(at_wall)
        steps.append(step)
    return TargetSteps(at_walls, steps)


@dataclass
class MemoryJournal:
    """A listener that keeps each turn's entries; the test sets ``intervals``."""

    stored_entries: list[JournalEntry] = field(default_factory=list)
    intervals: list[MonitoredInterval] = field(default_factory=list)
    bundles: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)
    incidents_by_id: dict[str, Incident] = field(default_factory=dict)
    runs: list[TaskRun] = field(default_factory=list)
    drill_records: list[DrillRecord] = field(default_factory=list)

    def on_step(self, result: StepResult) -> None:
        self.stored_entries.extend(entry_of(t) for t in result.transitions)
        self.stored_entries.extend(entry_of(d) for d in result.decisions)
        self.incidents_by_id.update(result.state.incidents)
        self.runs.extend(run for run in result.task_runs if run.outcome)
        self.drill_records.extend(result.drill_records)

    async def entries(
        self,
        since_wall: float,
        until_wall: float,
        *,
        target: str | None = None,
        incident: str | None = None,
        kinds: frozenset[EntryKind] = frozenset(),
    ) -> tuple[JournalEntry, ...]:
        return tuple(
            entry
            for entry in self.stored_entries
            if since_wall <= entry.at_wall < until_wall
            and target in {None, entry.target}
            and incident in {None, entry.incident}
            and (not kinds or entry.kind in kinds)
        )

    async def steps(
        self, since_wall: float, until_wall: float
    ) -> AsyncIterator[Sequence[tuple[str, TargetSteps]]]:
        within = [
            e for e in self.stored_entries if since_wall <= e.at_wall < until_wall
        ]
        for target, (at_walls, steps) in steps_of(within):
            half = len(steps) // 2
            yield [(target, TargetSteps(at_walls[:half], steps[:half]))]
            yield [(target, TargetSteps(at_walls[half:], steps[half:]))]

    async def incidents(
        self, *, open_only: bool = False, limit: int = 100
    ) -> tuple[Incident, ...]:
        newest = sorted(self.incidents_by_id.values(), key=lambda i: i.id, reverse=True)
        return tuple(i for i in newest if i.open or not open_only)[:limit]

    async def incident(self, incident_id: str) -> Incident | None:
        return self.incidents_by_id.get(incident_id)

    async def evidence(self, incident: str) -> tuple[Mapping[str, object], ...]:
        return tuple(self.bundles.get(incident, ()))

    async def task_runs(
        self, limit: int, task: str | None = None
    ) -> tuple[TaskRun, ...]:
        newest = reversed(self.runs)
        return tuple(run for run in newest if task in {None, run.task})[:limit]

    async def drills(
        self, limit: int, target: str | None = None
    ) -> tuple[DrillRecord, ...]:
        newest = reversed(self.drill_records)
        return tuple(d for d in newest if target in {None, d.target})[:limit]

    async def monitored_intervals(
        self, since_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        clipped = (
            MonitoredInterval(max(a, since_wall), min(b, until_wall))
            for a, b in self.intervals
        )
        return tuple(w for w in clipped if w.until_wall > w.from_wall)


def world_with_journal(
    intervals: Iterable[MonitoredInterval] = (),
) -> tuple[MessageWorld, MemoryJournal]:
    """A world that writes a journal; by default monitored since its start."""
    journal = MemoryJournal(
        intervals=list(intervals) or [MonitoredInterval(EPOCH, EPOCH + 1e9)]
    )
    return MessageWorld(listeners=(journal,)), journal
