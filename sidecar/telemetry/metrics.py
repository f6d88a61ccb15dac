"""Counters of events, and gauges of the latest state."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.samples import Exemplar

from sidecar.core.model.decision import Action, Decision
from sidecar.core.model.event import ContainersListed, ProbeCompleted
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_settings import LogProbe
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import WORKING_STATES
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    StateChanged,
    Transition,
)
from sidecar.core.ports.loop import Component, PlannedTime
from sidecar.telemetry import metric_definitions as c
from sidecar.telemetry.drill_metrics import DrillMetrics
from sidecar.telemetry.exposition import Exposition, pieces
from sidecar.telemetry.initial_series import (
    MOST_TARGETS_AT_ZERO,
    RESTART_LABELS,
    decision_labels,
    incident_labels,
    probe_labels,
)
from sidecar.telemetry.metric_definitions import MetricDefinition
from sidecar.telemetry.series import CounterFamily, HistogramFamily
from sidecar.telemetry.state_gauges import Gauge, Sample, state_gauges

_RESTARTS = frozenset({Action.START, Action.RESTART, Action.RECREATE})
_LAG_MEASUREMENTS = 60


class Metrics:
    """Counts every step, and answers every scrape, both in the loop's thread.

    A scrape also has the metrics of ``registry`` and of the process.
    ``planned`` gives the next planned restarts.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        version: str,
        planned: Callable[[], tuple[PlannedTime, ...]],
    ) -> None:
        self._registry, self._version = registry, version
        self._planned = planned
        self.read_proven_walls: Callable[[], Mapping[str, float]] = dict
        """When the last proof of each target's backups was; set by the application."""
        self.read_probe_delay_s: Callable[[], float] = float
        """How late probes begin at present; set by the application."""
        self.drills = DrillMetrics()
        self._state: State | None = None
        self._now = Moment(0.0, 0.0)
        self._names: dict[str, Target] = {}
        self._detected: set[str] = set()
        self._components: dict[str, Component] = {}
        self._config_loaded = 0.0
        self._lags: deque[float] = deque(maxlen=_LAG_MEASUREMENTS)
        self._families: list[CounterFamily | HistogramFamily] = []
        self._probes = self._counter(c.PROBES)
        self._restarts = self._counter(c.RESTARTS)
        self._decisions = self._counter(c.DECISIONS)
        self._incidents = self._counter(c.INCIDENTS)
        self._notifications = self._counter(c.NOTIFICATIONS)
        self._engine_requests = self._counter(c.ENGINE_REQUESTS)
        self._probe_seconds = self._histogram(c.PROBE_SECONDS)
        self._recovery = self._histogram(c.RECOVERY_SECONDS)
        self._detection = self._histogram(c.DETECTION_SECONDS)
        self._engine_seconds = self._histogram(c.ENGINE_SECONDS)
        self._log_matched = self._counter(c.LOG_MATCHED)
        self._log_skipped = self._counter(c.LOG_SKIPPED)
        self._channels: tuple[str, ...] = ()
        self._outbox: dict[str, int] = {}
        ProcessCollector(registry=registry)

    def _counter(self, definition: MetricDefinition) -> CounterFamily:
        family = CounterFamily(definition)
        self._families.append(family)
        return family

    def _histogram(self, definition: MetricDefinition) -> HistogramFamily:
        family = HistogramFamily(definition)
        self._families.append(family)
        return family

    async def scrape(self, accept: str) -> tuple[Iterator[bytes], str]:
        """The exposition and its content type, as the Accept header asks.

        Each piece is made when it is taken, in a millisecond: the whole takes the
        time of many probes. Changes in between may show.
        """
        scrape = Exposition(accept)
        # The process's figures are read from files.
        last = await asyncio.to_thread(scrape.end, self._registry)
        return pieces(chain(self._text(scrape), (last,))), scrape.content_type

    # --- counting

    def on_step(self, result: StepResult) -> None:
        """Count one step of the loop."""
        if self._state is None or isinstance(result.event, ContainersListed):
            self._sync_targets(result.state)
        self._state = result.state
        self._now = result.event.at
        if isinstance(result.event, ProbeCompleted):
            self._note_probe(result.event, result.state)
        for transition in result.transitions:
            self._note_transition(transition, result.state)
        for decision in result.decisions:
            self._note_decision(decision, result.state)
        self.drills.note(result.drill_records)

    def register_engine_calls(
        self, operations: Iterable[str], outcomes: Iterable[str]
    ) -> None:
        """Begin the engine's calls at zero, for each outcome."""
        ends = tuple((outcome,) for outcome in outcomes)
        for operation in operations:
            self._engine_requests.start(operation, ends)
            self._engine_seconds.start(operation)

    def engine_request(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a call to the engine."""
        self._engine_requests.add(operation, outcome)
        self._engine_seconds.add(operation, seconds)

    def register_channels(
        self, channels: Iterable[str], outcomes: Iterable[str]
    ) -> None:
        """Begin the channels at zero, for each outcome of a try."""
        self._channels = tuple(channels)
        self._outbox = dict.fromkeys(self._channels, 0)
        ends = tuple((outcome,) for outcome in outcomes)
        for channel in self._channels:
            self._notifications.start(channel, ends)

    def count_notification(self, channel: str, outcome: str) -> None:
        """Count one try to send a message."""
        self._notifications.add(channel, outcome)

    def outbox(self, pending: Mapping[str, int]) -> None:
        """Set the number of waiting messages, by channel."""
        self._outbox = {**dict.fromkeys(self._channels, 0), **pending}

    def loop_lag(self, seconds: float) -> None:
        """Note how late the loop was at its last wake-up."""
        self._lags.append(seconds)

    def config_loaded(self, wall: float) -> None:
        """Note when the configuration was last read without a fault."""
        self._config_loaded = wall

    def components(self, components: Iterable[Component]) -> None:
        """Note which parts of Sidecar work."""
        self._components = {c.name: c for c in components}

    def _note_probe(self, event: ProbeCompleted, state: State) -> None:
        instance = state.instances.get(event.instance)
        if instance is None:
            return
        outcome = event.outcome
        self._probes.add(instance.name, outcome.verdict, outcome.cause or "")
        self._probe_seconds.add(instance.name, event.at.mono - event.began_mono)
        if outcome.log is not None:
            self._log_matched.add(instance.name, amount=outcome.log.matched)
            self._log_skipped.add(instance.name, amount=outcome.log.skipped_bytes)

    def _note_transition(self, transition: Transition, state: State) -> None:
        match transition:
            case StateChanged(new=new) if new in WORKING_STATES:
                self._detected.discard(transition.name)
            case RemedyEnded():
                self._note_remedy(transition)
            case IncidentChanged(step=IncidentStep.OPENED):
                incident = state.incidents[transition.incident]
                self._incidents.add(
                    transition.target,
                    incident.severity,
                    incident.cause,
                    exemplar=_exemplar(transition.incident),
                )
            case _:
                pass

    def _note_remedy(self, remedy: RemedyEnded) -> None:
        exemplar = _exemplar(remedy.incident)
        if remedy.action in _RESTARTS:
            self._restarts.add(
                remedy.name, remedy.trigger, remedy.outcome, exemplar=exemplar
            )
        if remedy.recovery_s is not None:
            self._recovery.add(remedy.name, remedy.recovery_s, exemplar)

    def _note_decision(self, decision: Decision, state: State) -> None:
        name = decision.name
        exemplar = _exemplar(decision.incident)
        self._decisions.add(name, decision.action, decision.guard, exemplar=exemplar)
        if not decision.action.changes_something or decision.cause is None:
            return
        first = _first_failure(state.instances.get(decision.instance))
        if first is not None and name not in self._detected:
            self._detected.add(name)
            self._detection.add(name, decision.at.mono - first, exemplar)

    def _sync_targets(self, state: State) -> None:
        """Begin series at zero with their target, and drop them with it."""
        present = {i.name: state.target_of(i) for i in state.instances.values()}
        if present == self._names:
            return
        for name in self._names.keys() - present.keys():
            self._forget(name)
        if len(present) <= MOST_TARGETS_AT_ZERO:
            for name in present.keys() - self._names.keys():
                self._begin(name, present[name])
        self._names = present

    def _begin(self, name: str, target: Target) -> None:
        self._probes.start(name, probe_labels(target))
        self._restarts.start(name, RESTART_LABELS)
        self._decisions.start(name, decision_labels(target))
        self._incidents.start(name, incident_labels(target))
        if any(isinstance(probe, LogProbe) for probe in target.probes):
            self._log_matched.start(name, ((),))
            self._log_skipped.start(name, ((),))
        for histogram in (self._probe_seconds, self._recovery, self._detection):
            histogram.start(name)

    def _forget(self, name: str) -> None:
        self._detected.discard(name)
        for family in self._families:
            if family.is_by_target:
                family.forget(name)

    # --- scraping

    def _text(self, scrape: Exposition) -> Iterator[str]:
        for spec, samples in self._own_gauges():
            yield from scrape.gauge(spec, samples)
        for family in self._families:
            yield from family.text(scrape)
        if self._state is not None:
            for spec, samples in state_gauges(self._state, self._now):
                yield from scrape.gauge(spec, samples)

    def _own_gauges(self) -> Iterator[Gauge]:
        yield c.BUILD_INFO, [((self._version,), 1)]
        yield c.STREAM, [((), self._is_stream_connected())]
        yield (
            c.COMPONENT_UP,
            [((name,), part.ok) for name, part in self._components.items()],
        )
        yield c.LOOP_LAG, [((), max(self._lags, default=0.0))]
        yield c.PROBE_DELAY, [((), self.read_probe_delay_s())]
        yield c.CONFIG_LOADED, [((), self._config_loaded)]
        yield c.OUTBOX, [((name,), count) for name, count in self._outbox.items()]
        yield c.PLANNED, _first_planned(self._planned())
        proven = self.read_proven_walls()
        yield c.BACKUP_PROVEN, [((name,), wall) for name, wall in proven.items()]
        yield from self.drills.gauges()

    def _is_stream_connected(self) -> bool:
        """Without events the component is ok all the same, with a reason."""
        stream = self._components.get("event_stream")
        return stream is not None and not stream.reason


def _exemplar(incident: str | None) -> Exemplar | None:
    return Exemplar({"incident_id": incident}, 1.0) if incident else None


def _first_failure(instance: Instance | None) -> float | None:
    if instance is None:
        return None
    if instance.remedy is not None:
        return instance.remedy.first_failure_mono
    return instance.health.first_failure_mono


def _first_planned(planned: tuple[PlannedTime, ...]) -> list[Sample]:
    first: dict[str, float] = {}
    for time in planned:
        if not time.skipped and not time.before_limit:
            first[time.target] = min(time.at_wall, first.get(time.target, time.at_wall))
    return [((target,), at) for target, at in first.items()]
