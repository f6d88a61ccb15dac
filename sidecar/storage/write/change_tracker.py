"""What of a turn must be written: nothing, for an ordinary probe."""

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import TypeVar

from sidecar.core.model.event import ContainersListed, EvidenceGathered, RemedyExecuted
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.storage.codec import encode, encode_paused
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

StoredFields = tuple[object, ...]
"""Of an instance, what is written anew as soon as it differs."""


def stored_fields(instance: Instance) -> StoredFields:
    """Not the last answer's time, words and balance: they differ at every probe.

    What was last seen in a wallet goes along when something else is written, as
    at the first failure: so it is on disk before a remedy begins.

    A failure streak is counted on disk until it is certain; how long it is then
    changes nothing that follows.
    """
    container, health = instance.container, instance.health
    return (
        _steady_fields(instance),
        None if container is None else _container_fields(container),
        _health_fields(health),
        _count_changes(health),
    )


def _count_changes(health: Health) -> int:
    return health.failures if health.up is not False else 0


def _changed_keys(old: Mapping[K, V], new: Mapping[K, V]) -> dict[K, V]:
    if new is old:
        return {}
    return {key: value for key, value in new.items() if old.get(key) != value}


class ChangeTracker:
    """Compares each turn with what was last given out to be written.

    The first turn gives out everything: the store has one pair of clocks, and what
    a former process wrote has monotonic times that are not ours.
    """

    def __init__(self) -> None:
        self._worths: dict[InstanceId, StoredFields] = {}
        self._known: State | None = None

    @property
    def begun(self) -> bool:
        """Was everything given out?"""
        return self._known is not None

    def loaded(self, state: State) -> None:
        """This is what the store holds."""
        self._worths = dict.fromkeys(state.instances, ())

    def of(self, turned: StepResult) -> WriteBatch:
        """What this turn adds; nothing of it is found twice."""
        batch = WriteBatch()
        self._note_instances(batch, turned)
        if turned.state is not self._known:
            self._note_stack(batch, turned.state)
        batch.entries.extend(turned.transitions)
        batch.entries.extend(turned.decisions)
        self._note_evidence(batch, turned)
        return batch

    def _note_instances(self, batch: WriteBatch, turned: StepResult) -> None:
        there, left = turned.state.instances, turned.state.left
        for who in turned.touched if self.begun else (*left, *there):
            instance = there.get(who) or left.get(who)
            if instance is None:
                continue
            new = stored_fields(instance)
            if self._worths.get(who) != new:
                self._worths[who] = new
                batch.instances[who] = instance
        if isinstance(turned.event, ContainersListed):
            for gone in self._worths.keys() - there.keys() - left.keys():
                del self._worths[gone]
                batch.instances[gone] = None

    def _note_stack(self, batch: WriteBatch, state: State) -> None:
        """Maps that no turn has changed are still the same objects."""
        known, self._known = self._known, state
        old = known or State(started=state.started)
        batch.incidents.update(_changed_keys(old.incidents, state.incidents))
        batch.ledger.update(_changed_keys(old.ledger, state.ledger))
        batch.ledger.update(dict.fromkeys(old.ledger.keys() - state.ledger.keys()))
        if known is None or state.paused != old.paused:
            batch.memory["paused"] = encode_paused(state.paused)
        if known is None or state.restarts != old.restarts:
            batch.memory["restarts"] = encode(state.restarts)
        if known is None or state.engine.told != old.engine.told:
            batch.memory["engine_told"] = encode(state.engine.told)
        if known is None or state.own_network.told != old.own_network.told:
            batch.memory["own_network_told"] = encode(state.own_network.told)
        if known is None or state.settings.told != old.settings.told:
            batch.memory["settings_told"] = encode(state.settings.told)
        if known is None or state.plan != old.plan:
            plans = () if state.plan is None else (state.plan,)
            batch.memory["plan"] = encode(plans)

    def _note_evidence(self, batch: WriteBatch, turned: StepResult) -> None:
        """Evidence is an incident's; a planned restart's has none to go to."""
        event = turned.event
        if turned.evidence is None:
            return
        if not isinstance(event, RemedyExecuted | EvidenceGathered):
            return
        instance = turned.state.instances.get(event.instance)
        if instance is None:
            return
        remedy = instance.remedy
        treated = remedy.decision.incident if remedy is not None else None
        incident = treated or instance.incident
        if incident is not None:
            bundle = EvidenceRow(incident, event.at.wall, turned.evidence)
            batch.evidence.append(bundle)
