"""Changes of a step that must be written: none, for an ordinary probe."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

from sidecar.core.model.event import ContainersListed, EvidenceGathered, RemedyExecuted
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.storage.codec import encode, encode_optional, encode_paused
from sidecar.storage.write.batch import EvidenceRow, WriteBatch

K = TypeVar("K")
V = TypeVar("V")

_COMPARED_APART = {
    "container",
    "health",
    "seen_mono",
    "reason",
    "asked",
    "asked_now",
    "looked",
    "balance",
    "wish",
    "memory",
}
_steady_fields = attrgetter(
    *(f.name for f in fields(Instance) if f.name not in _COMPARED_APART)
)
_container_fields = attrgetter(
    "id", "started_at", "status", "finished_at", "exit_code", "oom_killed"
)
_health_fields = attrgetter(
    "up", "first_failure_mono", "ever_answered_well", "is_calm", "frozen", "cause"
)
_memory_fields = attrgetter("run", "windows", "told")

_SINGLE_VALUES: tuple[tuple[str, Callable[[State], Any], Callable[[Any], str]], ...] = (
    ("paused", attrgetter("paused"), encode_paused),
    ("restarts", attrgetter("restarts"), encode),
    ("engine_told", attrgetter("engine.is_reported"), encode),
    ("own_network_told", attrgetter("own_network.is_reported"), encode),
    ("settings_told", attrgetter("settings.reported_faults"), encode),
    ("tasks", attrgetter("task_progress"), encode),
    ("plan", attrgetter("plan"), encode_optional),
    ("drill", attrgetter("drill"), encode_optional),
)
"""Values of the state that are stored whole: name, value, and how it is written."""

StoredFields = tuple[object, ...]
"""Fields of an instance; it is written again as soon as one differs."""


def stored_fields(instance: Instance) -> StoredFields:
    """Without the last answer's time, text and balance: they differ at every probe.

    The wallet's last observation is written with other changes, as at the first
    failure: so it is on disk before a remedy begins.

    Memory is written when a window of it is complete: some minutes are lost at most.

    A failure streak is counted on disk until the failure is certain; its length
    then changes no decision.
    """
    container, health = instance.container, instance.health
    return (
        _steady_fields(instance),
        None if container is None else _container_fields(container),
        _health_fields(health),
        _streak_to_store(health),
        None if instance.memory is None else _memory_fields(instance.memory),
    )


def _streak_to_store(health: Health) -> int:
    return health.failures if health.up is not False else 0


def _changed_keys(old: Mapping[K, V], new: Mapping[K, V]) -> dict[K, V]:
    if new is old:
        return {}
    changed = {key: value for key, value in new.items() if old.get(key) is not value}
    return {key: value for key, value in changed.items() if old.get(key) != value}


class ChangeTracker:
    """Compares each step with the last collected changes.

    The first step collects everything: the store has one pair of clocks, and the
    monotonic times that a former process wrote are not ours.
    """

    def __init__(self) -> None:
        self._stored_fields: dict[InstanceId, StoredFields] = {}
        self._last_state: State | None = None

    @property
    def has_baseline(self) -> bool:
        """Was everything collected once?"""
        return self._last_state is not None

    def note_loaded(self, state: State) -> None:
        """Note the store's content."""
        self._stored_fields = dict.fromkeys(state.instances, ())

    def collect(self, results: Iterable[StepResult]) -> WriteBatch:
        """Changes of these steps; each is collected once."""
        batch = WriteBatch()
        for result in results:
            self._collect(batch, result)
        return batch

    def _collect(self, batch: WriteBatch, result: StepResult) -> None:
        self._note_instances(batch, result)
        if result.state is not self._last_state:
            self._note_stack(batch, result.state)
        batch.entries.extend(result.transitions)
        batch.entries.extend(result.decisions)
        batch.task_runs.extend(run for run in result.task_runs if run.outcome)
        batch.drills.extend(result.drill_records)
        self._note_evidence(batch, result)

    def _note_instances(self, batch: WriteBatch, result: StepResult) -> None:
        present, former = result.state.instances, result.state.restored_instances
        for instance_id in result.touched if self.has_baseline else (*former, *present):
            instance = present.get(instance_id) or former.get(instance_id)
            if instance is None:
                continue
            new = stored_fields(instance)
            if self._stored_fields.get(instance_id) != new:
                self._stored_fields[instance_id] = new
                batch.instances[instance_id] = instance
        if isinstance(result.event, ContainersListed):
            for removed_id in (
                self._stored_fields.keys() - present.keys() - former.keys()
            ):
                del self._stored_fields[removed_id]
                batch.instances[removed_id] = None

    def _note_stack(self, batch: WriteBatch, state: State) -> None:
        """Compare maps by identity first: an unchanged map is the same object."""
        previous, self._last_state = self._last_state, state
        old = previous or State(started=state.started)
        batch.incidents.update(_changed_keys(old.incidents, state.incidents))
        batch.ledger.update(_changed_keys(old.ledger, state.ledger))
        batch.ledger.update(dict.fromkeys(old.ledger.keys() - state.ledger.keys()))
        for name, value_of, encode_value in _SINGLE_VALUES:
            value = value_of(state)
            if previous is None or value != value_of(old):
                batch.memory[name] = encode_value(value)

    def _note_evidence(self, batch: WriteBatch, result: StepResult) -> None:
        """Evidence belongs to an incident; a planned restart has none."""
        event = result.event
        if result.evidence is None:
            return
        if not isinstance(event, RemedyExecuted | EvidenceGathered):
            return
        instance = result.state.instances.get(event.instance)
        if instance is None:
            return
        remedy = instance.remedy
        treated = remedy.decision.incident if remedy is not None else None
        incident = treated or instance.incident
        if incident is not None:
            bundle = EvidenceRow(incident, event.at.wall, result.evidence)
            batch.evidence.append(bundle)
