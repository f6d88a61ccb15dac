"""What the HTTP API shows: pure functions from the state to JSON-ready values."""

from collections.abc import Iterable, Sequence

from sidecar.core.model.container import Container
from sidecar.core.model.decision import Decision
from sidecar.core.model.health import Health
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment, rfc3339
from sidecar.core.model.state import State
from sidecar.core.model.target_state import WORKING_STATES, TargetState
from sidecar.core.policy.decide import decision_in_force
from sidecar.core.ports.loop import Component, PlannedTime
from sidecar.core.recovery.retry_budget import tries_in_window

Json = dict[str, object]


# --- /api/v1/status


def status(
    state: State,
    now: Moment,
    *,
    version: str,
    stack: str,
    ready: bool,
    planned: Sequence[PlannedTime],
) -> Json:
    """Everything at a glance."""
    return {
        "version": version,
        "mode": state.mode_in_force,
        "stack": stack,
        "ready": ready,
        "at": rfc3339(now.wall),
        "engine": {
            "reachable": state.engine.reachable,
            "reason": state.engine.reason,
            "since": rfc3339(state.engine.since.wall),
        },
        "targets": [
            _target(state, instance, now, planned)
            for instance in state.instances.values()
        ],
        "incidents": [incident(i) for i in reversed(tuple(state.incidents.values()))],
    }


def _target(
    state: State, instance: Instance, now: Moment, planned: Sequence[PlannedTime]
) -> Json:
    settings = state.target_of(instance).restart
    last = instance.health.last
    return {
        "name": instance.name,
        "target": instance.id.target,
        "replica": instance.id.number,
        "state": instance.state,
        "cause": instance.cause,
        "reason": instance.reason,
        "since": rfc3339(instance.since.wall),
        "container": _container(instance.container),
        "consecutive_failures": instance.health.failures,
        "warnings": list(last.warnings) if last is not None else [],
        "held_by": _held_by(state, instance, now),
        "paused": state.paused.get(instance.id.target, 0.0) > now.wall,
        "paused_until": _paused_until(state, instance, now),
        "lane": instance.lane.name,
        "restarts": {
            "in_window": tries_in_window(instance.lane, settings, now.mono),
            "budget": settings.budget,
            "total": instance.restarts_total,
        },
        "last_probe": _last_probe(instance.health),
        "last_decision": _decision(decision_in_force(state, instance.id, now)),
        "next_planned_restart": _next_planned(planned, instance.id.target),
        "incident": instance.incident,
    }


def _container(container: Container | None) -> Json | None:
    if container is None:
        return None
    started = container.started_at
    return {
        "id": container.id,
        "name": container.name,
        "status": container.status,
        "started_at": rfc3339(started) if started > 0 else None,
    }


def _held_by(state: State, instance: Instance, now: Moment) -> str | None:
    """The upstream that is waited for, while this one does not work itself."""
    if instance.state in WORKING_STATES:
        return None
    settling = instance.settling
    if settling is not None and now.mono < settling.until_mono:
        return settling.root
    for name in state.topology.upstreams.get(instance.id.target, ()):
        for upstream in state.replicas(name):
            if upstream.state not in WORKING_STATES:
                return upstream.name
    return None


def _paused_until(state: State, instance: Instance, now: Moment) -> str | None:
    until = state.paused.get(instance.id.target, 0.0)
    return rfc3339(until) if now.wall < until < float("inf") else None


def _last_probe(health: Health) -> Json | None:
    if health.last is None or health.last_at is None:
        return None
    return {
        "at": rfc3339(health.last_at.wall),
        "outcome": health.last.verdict,
        "cause": health.last.cause,
        "reason": health.last.reason,
        "seconds": round(health.last_seconds, 6),
    }


def _decision(decision: Decision | None) -> Json | None:
    if decision is None:
        return None
    return {
        "at": rfc3339(decision.at.wall),
        "action": decision.action,
        "guard": decision.guard,
        "trigger": decision.trigger,
        "reason": decision.reason,
    }


def _next_planned(planned: Sequence[PlannedTime], target: str) -> str | None:
    times = [p.at_wall for p in planned if p.target == target and not p.skipped]
    return rfc3339(min(times)) if times else None


def incident(one: Incident) -> Json:
    """One incident, without its course."""
    acked, resolved = one.acked_at, one.resolved_at
    return {
        "id": one.id,
        "target": one.target,
        "affected": list(one.affected),
        "followers": list(one.followers),
        "severity": one.severity,
        "state": "open" if one.open else "resolved",
        "cause": one.cause,
        "began_at": rfc3339(one.since_wall),
        "opened_at": rfc3339(one.opened_at.wall),
        "acked_at": rfc3339(acked.wall) if acked is not None else None,
        "acked_by": one.acked_by or None,
        "resolved_at": rfc3339(resolved.wall) if resolved is not None else None,
    }


# --- /healthz


def health_of_all(state: State) -> tuple[bool, Json]:
    """Does every target work? Targets are judged as a whole, as in health_of."""
    views = [_health_of_target(state, name) for name in state.targets]
    return all(well for well, _ in views), {"targets": [view for _, view in views]}


def health_of(state: State, name: str) -> tuple[bool, Json] | None:
    """Does this target, or instance, work? None: there is none of that name.

    A target of several replicas works while one of them does.
    """
    if name in state.targets:
        return _health_of_target(state, name)
    instance = instance_named(state, name)
    return _health(instance) if instance is not None else None


def health_of_replica(
    state: State, target: str, replica: str
) -> tuple[bool, Json] | None:
    """Does this replica, given by number or name, work? None: there is none."""
    for instance in state.replicas(target):
        if replica in {str(instance.id.number), instance.name}:
            return _health(instance)
    return None


def instance_named(state: State, name: str) -> Instance | None:
    """The instance with this public name."""
    return next((i for i in state.instances.values() if i.name == name), None)


def replica_names(state: State, target: str) -> tuple[str, ...]:
    """The public names of a target's instances."""
    return tuple(instance.name for instance in state.replicas(target))


def _health(instance: Instance) -> tuple[bool, Json]:
    return instance.state in WORKING_STATES, {
        "name": instance.name,
        "state": instance.state,
        "cause": instance.cause,
        "reason": instance.reason,
    }


def _health_of_target(state: State, target: str) -> tuple[bool, Json]:
    replicas = list(state.replicas(target))
    ill = [i for i in replicas if i.state not in WORKING_STATES]
    if not replicas:
        return False, {
            "name": target,
            "state": TargetState.UNKNOWN,
            "cause": None,
            "reason": "the engine has not been asked for it yet",
        }
    worst = next(iter(ill or _degraded(replicas)), replicas[0])
    well, view = _health(worst)
    view["name"] = target
    if ill and len(ill) < len(replicas):
        reasons = "; ".join(f"{i.name} is {i.state}: {i.reason}" for i in ill)
        return True, {**view, "state": TargetState.DEGRADED, "reason": reasons}
    return well, view


def _degraded(replicas: Iterable[Instance]) -> list[Instance]:
    return [i for i in replicas if i.state is TargetState.DEGRADED]


# --- the rest


def components(parts: Iterable[Component]) -> tuple[bool, Json]:
    """Is every part of ourselves well?"""
    told = tuple(parts)
    well = all(part.ok for part in told)
    return well, {
        "ok": well,
        "components": [
            {
                "name": part.name,
                "ok": part.ok,
                "reason": part.reason,
                "since": rfc3339(part.since_wall),
            }
            for part in told
        ],
    }


def schedule(planned: Iterable[PlannedTime]) -> Json:
    """The planned restarts to come."""
    return {"planned": [planned_restart(time) for time in planned]}


def planned_restart(time: PlannedTime) -> Json:
    """One planned restart."""
    return {
        "target": time.target,
        "at": rfc3339(time.at_wall),
        "cron": time.cron,
        "timezone": time.timezone,
        "skipped": time.skipped,
    }


def decision(made: Decision | None) -> Json:
    """The answer to an operator's wish."""
    return {"decision": _decision(made), "incident": made.incident if made else None}
