"""From what happens to counters, and from the latest state to gauges."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, product

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.samples import Exemplar

from sidecar.core.model.cause import CAUSES, Cause, Severity
from sidecar.core.model.decision import Action, Decision, Guard, Trigger
from sidecar.core.model.event import ContainersListed, ProbeCompleted
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import LaneName
from sidecar.core.model.probe_result import ProbeVerdict, WalletFacts
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
    StateChanged,
    Transition,
)
from sidecar.core.ports.loop import PlannedTime
from sidecar.core.recovery.retry_budget import tries_in_window
from sidecar.telemetry import metric_definitions as c
from sidecar.telemetry.exposition import Exposition, pieces
from sidecar.telemetry.metric_definitions import MetricDefinition
from sidecar.telemetry.series import CounterFamily, HistogramFamily

_RESTARTS = frozenset({Action.START, Action.RESTART})
_LAG_MEASUREMENTS = 60
_ONLY_UNKNOWN = (Cause.PROBER_FAILED, Cause.OWN_NETWORK, Cause.SUSPENDED)
_ONLY_WALLETS = frozenset(
    {
        Cause.WALLET_NOT_LOADED,
        Cause.WALLET_SYNCING,
        Cause.UPSTREAM_LOST,
        Cause.UPSTREAM_STALE,
        Cause.THREAD_HELD,
        Cause.KILLED_BY_PROBE,
        Cause.ADDRESSES_LOST,
    }
)
_NOT_FROM_PROBES = frozenset(
    {
        Cause.NOT_RUNNING,
        Cause.CRASH_LOOP,
        Cause.NEVER_UP,
        Cause.ADDRESSES_LOST,
        Cause.STOPPED,
        Cause.PAUSED,
        Cause.MISSING,
        *_ONLY_UNKNOWN,
    }
)
_RESTART_LABELS = tuple(product(Trigger, RemedyOutcome))
_DECISION_LABELS = (
    (Action.START, Guard.NONE),
    (Action.RESTART, Guard.NONE),
    (Action.LOAD_WALLET, Guard.NONE),
    (Action.PAGE, Guard.NOT_CURABLE),
)


class Metrics:
    """Told of every turn; asked at every scrape, both in the loop's thread.

    Beside its own there is what ``registry`` collects, and the process's figures.
    ``planned`` gives the next planned restarts.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        version: str,
        planned: Callable[[], tuple[PlannedTime, ...]],
    ) -> None:
        self._registry = registry
        self._version = version
        self._planned = planned
        self._state: State | None = None
        self._now_mono = 0.0
        self._names: dict[str, Target] = {}
        self._detected: set[str] = set()
        self._connected = False
        self._config_loaded = 0.0
        self._lags: deque[float] = deque(maxlen=_LAG_MEASUREMENTS)
        self._probes = CounterFamily(c.PROBES)
        self._restarts = CounterFamily(c.RESTARTS)
        self._decisions = CounterFamily(c.DECISIONS)
        self._incidents = CounterFamily(c.INCIDENTS)
        self._probe_seconds = HistogramFamily(c.PROBE_SECONDS)
        self._recovery = HistogramFamily(c.RECOVERY_SECONDS)
        self._detection = HistogramFamily(c.DETECTION_SECONDS)
        self._notifications = CounterFamily(c.NOTIFICATIONS)
        self._channels: tuple[str, ...] = ()
        self._outbox: dict[str, int] = {}
        self._engine_requests = CounterFamily(c.ENGINE_REQUESTS)
        self._engine_seconds = HistogramFamily(c.ENGINE_SECONDS)
        ProcessCollector(registry=registry)

    async def scrape(self, accept: str) -> tuple[Iterator[bytes], str]:
        """The exposition and its content type, as the Accept header asks.

        It is made as it is taken, a millisecond's work a piece, for the whole takes
        the time of many probes; what happens in between may show.
        """
        scrape = Exposition(accept)
        # The process's figures are read from files.
        last = await asyncio.to_thread(scrape.end, self._registry)
        return pieces(chain(self._text(scrape), (last,))), scrape.content_type

    # --- what is noted

    def on_step(self, result: StepResult) -> None:
        """Count one turn of the loop."""
        if self._state is None or isinstance(result.event, ContainersListed):
            self._welcome(result.state)
        self._state = result.state
        self._now_mono = result.event.at.mono
        if isinstance(result.event, ProbeCompleted):
            self._note_probe(result.event, result.state)
        for transition in result.transitions:
            self._note_transition(transition, result.state)
        for decision in result.decisions:
            self._note_decision(decision, result.state)

    def asks(self, operations: Iterable[str], outcomes: Iterable[str]) -> None:
        """These are the engine's calls, and how each can end: all begin at zero."""
        ends = [(outcome,) for outcome in outcomes]
        for operation in operations:
            self._engine_requests.start(operation, ends)
            self._engine_seconds.start(operation)

    def engine_request(self, operation: str, outcome: str, seconds: float) -> None:
        """A call to the engine ended."""
        self._engine_requests.add(operation, outcome)
        self._engine_seconds.add(operation, seconds)

    def notifies(self, channels: Iterable[str], outcomes: Iterable[str]) -> None:
        """These are the channels, and how a try can end: all begin at zero."""
        self._channels = tuple(channels)
        self._outbox = dict.fromkeys(self._channels, 0)
        ends = [(outcome,) for outcome in outcomes]
        for channel in self._channels:
            self._notifications.start(channel, ends)

    def notified(self, channel: str, outcome: str) -> None:
        """A message was tried."""
        self._notifications.add(channel, outcome)

    def outbox(self, pending: Mapping[str, int]) -> None:
        """How many messages wait, by channel."""
        self._outbox = {**dict.fromkeys(self._channels, 0), **pending}

    def loop_lag(self, seconds: float) -> None:
        """The loop was this late at its last wake-up."""
        self._lags.append(seconds)

    def config_loaded(self, wall: float) -> None:
        """The configuration was read without fault at ``wall``."""
        self._config_loaded = wall

    def event_stream(self, *, connected: bool) -> None:
        """The engine's event stream came or went."""
        self._connected = connected

    def _note_probe(self, event: ProbeCompleted, state: State) -> None:
        instance = state.instances.get(event.instance)
        if instance is None:
            return
        outcome = event.outcome
        self._probes.add(instance.name, outcome.verdict, outcome.cause or "")
        self._probe_seconds.add(instance.name, event.at.mono - event.began_mono)

    def _note_transition(self, what: Transition, state: State) -> None:
        match what:
            case StateChanged(new=new) if new in WORKING_STATES:
                self._detected.discard(what.name)
            case RemedyEnded():
                self._note_remedy(what)
            case IncidentChanged(step=IncidentStep.OPENED):
                incident = state.incidents[what.incident]
                self._incidents.add(
                    what.target,
                    incident.severity,
                    incident.cause,
                    exemplar=_exemplar(what.incident),
                )
            case _:
                pass

    def _note_remedy(self, ended: RemedyEnded) -> None:
        exemplar = _exemplar(ended.incident)
        if ended.action in _RESTARTS:
            self._restarts.add(
                ended.name, ended.trigger, ended.outcome, exemplar=exemplar
            )
        if ended.recovery_s is not None:
            self._recovery.add(ended.name, ended.recovery_s, exemplar)

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

    def _welcome(self, state: State) -> None:
        """Series begin at zero with their target, and leave with it."""
        present = {i.name: state.target_of(i) for i in state.instances.values()}
        if present == self._names:
            return
        for name in self._names.keys() - present.keys():
            self._forget(name)
        for name in present.keys() - self._names.keys():
            self._begin(name, present[name])
        self._names = present

    def _begin(self, name: str, target: Target) -> None:
        causes = [
            cause for cause in Cause if target.wallet or cause not in _ONLY_WALLETS
        ]
        self._probes.start(name, _probe_labels(causes))
        self._restarts.start(name, _RESTART_LABELS)
        self._decisions.start(name, _DECISION_LABELS)
        self._incidents.start(
            name,
            [(target.severity or CAUSES[cause].severity, cause) for cause in causes],
        )
        for histogram in (self._probe_seconds, self._recovery, self._detection):
            histogram.start(name)

    def _forget(self, name: str) -> None:
        self._detected.discard(name)
        for counter in (
            self._probes,
            self._restarts,
            self._decisions,
            self._incidents,
        ):
            counter.forget(name)
        for histogram in (self._probe_seconds, self._recovery, self._detection):
            histogram.forget(name)

    # --- what is scraped

    def _text(self, scrape: Exposition) -> Iterator[str]:
        for spec, samples in self._own_gauges():
            yield from scrape.gauge(spec, samples)
        for metric in (
            self._probes,
            self._restarts,
            self._decisions,
            self._incidents,
            self._notifications,
            self._engine_requests,
            self._probe_seconds,
            self._recovery,
            self._detection,
            self._engine_seconds,
        ):
            yield from metric.text(scrape)
        if self._state is not None:
            for spec, samples in _of_state(self._state, self._now_mono):
                yield from scrape.gauge(spec, samples)

    def _own_gauges(self) -> "Iterator[_Gauge]":
        yield c.BUILD_INFO, [((self._version,), 1)]
        yield c.STREAM, [((), self._connected)]
        yield c.LOOP_LAG, [((), max(self._lags, default=0.0))]
        yield c.CONFIG_LOADED, [((), self._config_loaded)]
        yield c.OUTBOX, [((name,), count) for name, count in self._outbox.items()]
        yield c.PLANNED, _first_planned(self._planned())


_Sample = tuple[tuple[str, ...], float]


_Gauge = tuple[MetricDefinition, Iterable[_Sample]]


def _exemplar(incident: str | None) -> Exemplar | None:
    return Exemplar({"incident_id": incident}, 1.0) if incident else None


def _probe_labels(causes: list[Cause]) -> list[tuple[str, str]]:
    failures = [
        (ProbeVerdict.FAILURE, cause)
        for cause in causes
        if cause not in _NOT_FROM_PROBES
    ]
    unknowns = [(ProbeVerdict.UNKNOWN, cause) for cause in _ONLY_UNKNOWN]
    return [(ProbeVerdict.SUCCESS, ""), *failures, *unknowns]


def _first_failure(instance: Instance | None) -> float | None:
    if instance is None:
        return None
    if instance.remedy is not None:
        return instance.remedy.first_failure_mono
    return instance.health.first_failure_mono


def _first_planned(planned: tuple[PlannedTime, ...]) -> list[_Sample]:
    first: dict[str, float] = {}
    for time in planned:
        if not time.skipped:
            first[time.target] = min(time.at_wall, first.get(time.target, time.at_wall))
    return [((target,), at) for target, at in first.items()]


def _of_state(state: State, now: float) -> Iterator[_Gauge]:
    instances = tuple(state.instances.values())
    yield c.ENGINE_UP, [((), state.engine.reachable)]
    yield c.INCIDENTS_OPEN, _open_incidents(state)
    yield c.TARGET_UP, (((i.name,), i.state in WORKING_STATES) for i in instances)
    yield (
        c.TARGET_STATE,
        (
            ((i.name, state_name), i.state is state_name)
            for i in instances
            for state_name in TargetState
        ),
    )
    yield c.FAILURES, (((i.name,), i.health.failures) for i in instances)
    yield c.BUDGET, (((i.name,), _remaining(state, i, now)) for i in instances)
    yield from _of_wallets(state, instances)


def _open_incidents(state: State) -> list[_Sample]:
    counts = dict.fromkeys(Severity, 0)
    for incident in state.incidents.values():
        counts[incident.severity] += incident.open
    return [((severity,), count) for severity, count in counts.items()]


def _remaining(state: State, instance: Instance, now: float) -> int:
    if instance.lane.name is not LaneName.FAST:
        return 0
    settings = state.target_of(instance).restart
    return max(0, settings.budget - tries_in_window(instance.lane, settings, now))


def _of_wallets(state: State, instances: tuple[Instance, ...]) -> Iterator[_Gauge]:
    wallets = [
        (instance, instance.health.last.wallet)
        for instance in instances
        if instance.health.last is not None and instance.health.last.wallet is not None
    ]
    for spec, fact in (
        (c.WALLET_CONNECTED, "connected"),
        (c.WALLET_LOADED, "loaded"),
        (c.WALLET_HEIGHT, "height"),
        (c.WALLET_SERVER_HEIGHT, "server_height"),
    ):
        said = ((i.name, getattr(facts, fact)) for i, facts in wallets)
        yield spec, (((n,), value) for n, value in said if value is not None)
    counted = ((i.name, i.addresses) for i in instances if i.container is not None)
    yield (
        c.WALLET_ADDRESSES,
        (((name,), known.total) for name, known in counted if known is not None),
    )
    yield (
        c.WALLET_BALANCE,
        (s for i, facts in wallets for s in _balance(state.target_of(i), i, facts)),
    )


def _balance(target: Target, instance: Instance, facts: WalletFacts) -> list[_Sample]:
    if target.wallet is None or not target.wallet.expose_balance:
        return []
    parts = facts.balance._asdict() if facts.balance is not None else {}
    return [((instance.name, part), float(v)) for part, v in parts.items()]
