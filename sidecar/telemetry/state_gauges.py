"""Gauges from the latest state, at each scrape."""

from collections.abc import Iterable, Iterator

from sidecar.core.forecast.sentence import wall_of
from sidecar.core.model.cause import Cause, Severity
from sidecar.core.model.decision import Action
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import LaneName
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import WalletFacts
from sidecar.core.model.state import State
from sidecar.core.model.target import Target
from sidecar.core.model.target_state import SERVING_STATES, WORKING_STATES, TargetState
from sidecar.core.recovery.retry_budget import tries_in_window
from sidecar.core.status.lease import is_held
from sidecar.core.status.maintenance_windows import window_end_wall
from sidecar.telemetry import metric_definitions as c
from sidecar.telemetry.metric_definitions import MetricDefinition

Sample = tuple[tuple[str, ...], float]
"""The values of the labels in order, and the sample's own."""

_OBJECTIONS = frozenset({Action.HOLD, Action.PAGE})

Gauge = tuple[MetricDefinition, Iterable[Sample]]


def state_gauges(state: State, now: Moment) -> Iterator[Gauge]:
    """The gauges that the latest state gives, each with its samples."""
    instances = tuple(state.instances.values())
    yield c.ENGINE_UP, [((), state.engine.reachable)]
    lease = state.lease
    yield c.LEASE_HELD, [((), is_held(lease, now.mono))] if lease else []
    yield c.INCIDENTS_OPEN, _open_incidents(state)
    yield c.TARGET_UP, (((i.name,), i.state in SERVING_STATES) for i in instances)
    yield (
        c.TARGET_STATE,
        (
            ((i.name, state_name), i.state is state_name)
            for i in instances
            for state_name in TargetState
        ),
    )
    yield c.FAILURES, (((i.name,), i.health.failures) for i in instances)
    yield c.BUDGET, (((i.name,), _restarts_left(state, i, now.mono)) for i in instances)
    yield c.GUARD, _guards(instances)
    yield c.TARGET_INCIDENT, _target_incidents(state, instances)
    yield c.MAINTENANCE, _maintenance(state, now)
    yield c.TASK_LAST, _last_runs(state)
    yield from _wallet_gauges(state, instances)
    yield from _memory_gauges(instances, now)


def _maintenance(state: State, now: Moment) -> Iterator[Sample]:
    for target in state.targets:
        is_in_window = window_end_wall(state, target, now.wall) is not None
        yield (target,), is_in_window


def _last_runs(state: State) -> Iterator[Sample]:
    for name, progress in state.task_progress.items():
        last = progress.last
        if last is not None and last.outcome is not None:
            yield (name, last.outcome), last.ended_wall


def _open_incidents(state: State) -> list[Sample]:
    counts = dict.fromkeys(Severity, 0)
    for incident in state.incidents.values():
        counts[incident.severity] += incident.open
    return [((severity,), count) for severity, count in counts.items()]


def _restarts_left(state: State, instance: Instance, now_mono: float) -> int:
    if instance.lane.name is not LaneName.FAST:
        return 0
    settings = state.target_of(instance).restart
    return max(0, settings.budget - tries_in_window(instance.lane, settings, now_mono))


def _guards(instances: tuple[Instance, ...]) -> Iterator[Sample]:
    """The guards that keep failed targets from a remedy."""
    for instance in instances:
        last = instance.last_decision
        if last is None or instance.state in WORKING_STATES:
            continue
        is_current = last.at.mono >= instance.since.mono
        if is_current and last.action in _OBJECTIONS:
            yield (instance.name, last.guard), 1


def _target_incidents(
    state: State, instances: tuple[Instance, ...]
) -> Iterable[Sample]:
    """Open incidents, once for each target that they concern."""
    labels = (
        (name, incident.target, _role(name, incident), incident.severity, cause)
        for name, incident, cause in _targets_of_incidents(state, instances)
    )
    # Two lost-address incidents of a target have the same labels.
    return [(values, 1) for values in dict.fromkeys(labels)]


def _role(name: str, incident: Incident) -> str:
    return "root" if name == incident.target else "dependent"


def _targets_of_incidents(
    state: State, instances: tuple[Instance, ...]
) -> Iterator[tuple[str, Incident, Cause]]:
    names = {instance.name for instance in instances}
    for instance in instances:
        incident = state.incidents.get(instance.incident or "")
        if incident is not None and incident.open:
            yield instance.name, incident, instance.cause or incident.cause
    for incident in state.incidents.values():
        if incident.open and incident.is_fact and incident.target in names:
            yield incident.target, incident, incident.cause


def _wallet_gauges(state: State, instances: tuple[Instance, ...]) -> Iterator[Gauge]:
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
        values = ((i.name, getattr(facts, fact)) for i, facts in wallets)
        yield spec, (((n,), value) for n, value in values if value is not None)
    counted = ((i.name, i.addresses) for i in instances if i.container is not None)
    yield (
        c.WALLET_ADDRESSES,
        (
            ((name,), addresses.total)
            for name, addresses in counted
            if addresses is not None
        ),
    )
    yield (
        c.WALLET_BALANCE,
        (
            s
            for i, facts in wallets
            for s in _balance_samples(state.target_of(i), i, facts)
        ),
    )


def _memory_gauges(instances: tuple[Instance, ...], now: Moment) -> Iterator[Gauge]:
    measured = [(i.name, i.memory) for i in instances if i.memory is not None]
    yield c.MEMORY_USED, (((name,), m.last.used_bytes) for name, m in measured)
    limits = ((name, m.last.limit_bytes) for name, m in measured)
    yield c.MEMORY_LIMIT, (((n,), limit) for n, limit in limits if limit is not None)
    yield (
        c.MEMORY_FORECAST,
        (
            ((name,), wall)
            for name, m in measured
            if m.forecast is not None and m.forecast.silence is None
            if (wall := wall_of(m.forecast.limit_mono, now)) is not None
        ),
    )


def _balance_samples(
    target: Target, instance: Instance, facts: WalletFacts
) -> list[Sample]:
    if target.wallet is None or not target.wallet.expose_balance:
        return []
    parts = facts.balance._asdict() if facts.balance is not None else {}
    return [((instance.name, part), float(v)) for part, v in parts.items()]
