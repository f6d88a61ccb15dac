"""A journal in memory, filled by the real rules' transitions and decisions."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.core.model.decision import Decision
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
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.transition import (
    BalanceCompared,
    IncidentChanged,
    RemedyEnded,
    StateChanged,
    Transition,
)
from sidecar.core.reporting.journal_records import (
    record_of_balance,
    record_of_decision,
    record_of_transition,
)
from tests.support.message_world import MessageWorld
from tests.support.rule_world import EPOCH


def entry_of(what: Transition | Decision) -> JournalEntry:
    """As the journal keeps it."""
    if isinstance(what, Decision):
        data = record_of_decision(what)
        return JournalEntry(
            what.at.wall, EntryKind.DECISION, what.name, what.incident, dict(data)
        )
    if isinstance(what, BalanceCompared):
        data = record_of_balance(what)
    else:
        data = record_of_transition(what)
    kinds = {
        BalanceCompared: EntryKind.BALANCE,
        StateChanged: EntryKind.STATE,
        RemedyEnded: EntryKind.REMEDY,
        IncidentChanged: EntryKind.INCIDENT,
    }
    return JournalEntry(
        what.at.wall, kinds[type(what)], str(data["target"]), what.incident, dict(data)
    )


def steps_of(entries: Iterable[JournalEntry]) -> list[tuple[str, TargetSteps]]:
    """What a report counts of them, by target."""
    found: dict[str, list[tuple[float, JournalStep]]] = {}
    for entry in entries:
        of_target = found.setdefault(entry.target, [])
        data = entry.data
        if entry.kind is EntryKind.STATE:
            cause = data.get("cause")
            told = None if cause is None else str(cause)
            change = StateChange(str(data["from"]), str(data["to"]), told)
            of_target.append((entry.at_wall, change))
        if entry.kind is EntryKind.REMEDY:
            words = (str(data[name]) for name in ("action", "trigger", "outcome"))
            of_target.append((entry.at_wall, RemedySummary(*words)))
    return [(target, as_steps(pairs)) for target, pairs in found.items()]


def as_steps(pairs: Iterable[tuple[float, JournalStep]]) -> TargetSteps:
    """In two columns."""
    at_walls, steps = [], []
    for at_wall, step in pairs:
        at_walls.append(at_wall)
        steps.append(step)
    return TargetSteps(at_walls, steps)


@dataclass
class MemoryJournal:
    """Told of every turn; ``stretches`` is set by the test."""

    kept: list[JournalEntry] = field(default_factory=list)
    stretches: list[MonitoredInterval] = field(default_factory=list)
    bundles: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)
    known: dict[str, Incident] = field(default_factory=dict)

    def on_step(self, result: StepResult) -> None:
        self.kept.extend(entry_of(t) for t in result.transitions)
        self.kept.extend(entry_of(d) for d in result.decisions)
        self.known.update(result.state.incidents)

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
            for entry in self.kept
            if since_wall <= entry.at_wall < until_wall
            and target in {None, entry.target}
            and incident in {None, entry.incident}
            and (not kinds or entry.kind in kinds)
        )

    async def steps(
        self, since_wall: float, until_wall: float
    ) -> AsyncIterator[Sequence[tuple[str, TargetSteps]]]:
        within = [e for e in self.kept if since_wall <= e.at_wall < until_wall]
        for target, (at_walls, steps) in steps_of(within):
            half = len(steps) // 2
            yield [(target, TargetSteps(at_walls[:half], steps[:half]))]
            yield [(target, TargetSteps(at_walls[half:], steps[half:]))]

    async def incidents(
        self, *, open_only: bool = False, limit: int = 100
    ) -> tuple[Incident, ...]:
        newest = sorted(self.known.values(), key=lambda i: i.id, reverse=True)
        return tuple(i for i in newest if i.open or not open_only)[:limit]

    async def incident(self, which: str) -> Incident | None:
        return self.known.get(which)

    async def evidence(self, incident: str) -> tuple[Mapping[str, object], ...]:
        return tuple(self.bundles.get(incident, ()))

    async def watched(
        self, since_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        clipped = (
            MonitoredInterval(max(a, since_wall), min(b, until_wall))
            for a, b in self.stretches
        )
        return tuple(w for w in clipped if w.until_wall > w.from_wall)


def remembered(
    stretches: Iterable[MonitoredInterval] = (),
) -> tuple[MessageWorld, MemoryJournal]:
    """A world that writes a journal, watched from its beginning on by default."""
    journal = MemoryJournal(
        stretches=list(stretches) or [MonitoredInterval(EPOCH, EPOCH + 1e9)]
    )
    return MessageWorld(listeners=(journal,)), journal
