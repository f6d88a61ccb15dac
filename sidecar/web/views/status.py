"""The status of the stack and its targets, as the API shows it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sidecar.api_types import control
from sidecar.api_types.status import (
    ContainerStatus,
    DecisionSummary,
    EngineStatus,
    IncidentSummary,
    LastProbe,
    PlannedRestart,
    PlannedRestarts,
    RestartCounts,
    StackStatus,
    TargetStatus,
)
from sidecar.core.model.container import Container
from sidecar.core.model.decision import Decision
from sidecar.core.model.health import Health
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.target_state import SERVING_STATES, WORKING_STATES
from sidecar.core.policy.decide import decision_in_force
from sidecar.core.ports.loop import PlannedTime
from sidecar.core.recovery.retry_budget import tries_in_window
from sidecar.core.status.maintenance_windows import window_end_wall
from sidecar.core.text.formatting import rfc3339
from sidecar.web.views.forecast import memory_status


def status(
    state: State,
    now: Moment,
    *,
    version: str,
    stack: str,
    ready: bool,
    targets: tuple[TargetStatus, ...],
) -> StackStatus:
    """The whole status, for one page. ``targets``: those of ``target_statuses``."""
    return StackStatus(
        version=version,
        mode=state.mode_in_force,
        stack=stack,
        ready=ready,
        at=rfc3339(now.wall),
        engine=EngineStatus(
            reachable=state.engine.reachable,
            reason=state.engine.reason,
            since=rfc3339(state.engine.since.wall),
        ),
        targets=targets,
        incidents=tuple(incident(i) for i in reversed(tuple(state.incidents.values()))),
    )


def target_statuses(
    state: State, now: Moment, planned: Mapping[str, Sequence[PlannedTime]]
) -> Iterator[TargetStatus]:
    """All instances, one by one; ``planned``: planned restarts by target."""
    for instance in state.instances.values():
        yield target_status(state, instance, now, planned.get(instance.id.target, ()))


def target_status(
    state: State, instance: Instance, now: Moment, planned: Sequence[PlannedTime]
) -> TargetStatus:
    """One instance; ``planned``: the planned restarts of its target."""
    settings = state.target_of(instance).restart
    last = instance.health.last
    return TargetStatus(
        name=instance.name,
        target=instance.id.target,
        replica=instance.id.number,
        state=instance.state,
        cause=instance.cause,
        reason=str(instance.reason),
        reason_code=instance.reason.code,
        since=rfc3339(instance.since.wall),
        container=_container(instance.container),
        consecutive_failures=instance.health.failures,
        warnings=last.warnings if last is not None else (),
        held_by=held_by(state, instance, now),
        paused=state.paused.get(instance.id.target, 0.0) > now.wall,
        paused_until=_paused_until(state, instance, now),
        lane=instance.lane.name,
        restarts=RestartCounts(
            in_window=tries_in_window(instance.lane, settings, now.mono),
            budget=settings.budget,
            total=instance.restarts_total,
        ),
        last_probe=_last_probe(instance.health),
        last_decision=_decision(decision_in_force(state, instance.id, now)),
        next_planned_restart=_next_planned(planned),
        incident=instance.incident,
        maintenance_until=_maintenance_until(state, instance, now),
        memory=memory_status(instance, now),
    )


def _container(container: Container | None) -> ContainerStatus | None:
    if container is None:
        return None
    started = container.started_at
    return ContainerStatus(
        id=container.id,
        name=container.name,
        status=container.status,
        started_at=rfc3339(started) if started > 0 else None,
    )


def held_by(state: State, instance: Instance, now: Moment) -> str | None:
    """The upstream that a failed instance waits for; None: it waits for none."""
    if instance.state in WORKING_STATES:
        return None
    settling = instance.settling
    if settling is not None and now.mono < settling.until_mono:
        return settling.root
    for name in state.topology.upstreams.get(instance.id.target, ()):
        for upstream in state.replicas(name):
            if upstream.state not in SERVING_STATES:
                return upstream.name
    return None


def _paused_until(state: State, instance: Instance, now: Moment) -> str | None:
    until = state.paused.get(instance.id.target, 0.0)
    return rfc3339(until) if now.wall < until < float("inf") else None


def _maintenance_until(state: State, instance: Instance, now: Moment) -> str | None:
    end_wall = window_end_wall(state, instance.id.target, now.wall)
    return None if end_wall is None else rfc3339(end_wall)


def _last_probe(health: Health) -> LastProbe | None:
    if health.last is None or health.last_at is None:
        return None
    return LastProbe(
        at=rfc3339(health.last_at.wall),
        outcome=health.last.verdict,
        cause=health.last.cause,
        reason=str(health.last.reason),
        reason_code=health.last.reason.code,
        seconds=round(health.last_seconds, 6),
    )


def _decision(decision: Decision | None) -> DecisionSummary | None:
    return None if decision is None else decision_summary(decision)


def decision_summary(decision: Decision) -> DecisionSummary:
    """A decision and its reason."""
    return DecisionSummary(
        at=rfc3339(decision.at.wall),
        action=decision.action,
        guard=decision.guard,
        trigger=decision.trigger,
        reason=str(decision.reason),
        reason_code=decision.reason.code,
    )


def _next_planned(planned: Sequence[PlannedTime]) -> str | None:
    times = [plan.at_wall for plan in certain_times(planned) if not plan.skipped]
    return rfc3339(min(times)) if times else None


def certain_times(planned: Iterable[PlannedTime]) -> tuple[PlannedTime, ...]:
    """Without the restarts that may not happen, depending on the memory."""
    return tuple(plan for plan in planned if not plan.before_limit)


def incident(record: Incident) -> IncidentSummary:
    """One incident, without its timeline."""
    acked, resolved = record.acked_at, record.resolved_at
    return IncidentSummary(
        id=record.id,
        target=record.target,
        affected=record.affected,
        followers=record.followers,
        severity=record.severity,
        state="open" if record.open else "resolved",
        cause=record.cause,
        began_at=rfc3339(record.since_wall),
        opened_at=rfc3339(record.opened_at.wall),
        acked_at=rfc3339(acked.wall) if acked is not None else None,
        acked_by=record.acked_by or None,
        resolved_at=rfc3339(resolved.wall) if resolved is not None else None,
        drill=record.drill or None,
    )


def replica_names(state: State, target: str) -> tuple[str, ...]:
    """The public names of a target's instances."""
    return tuple(instance.name for instance in state.replicas(target))


def schedule(planned: Iterable[PlannedTime]) -> PlannedRestarts:
    """The planned restarts to come."""
    return PlannedRestarts(planned=tuple(map(planned_restart, planned)))


def planned_restart(time: PlannedTime) -> PlannedRestart:
    """One planned restart."""
    return PlannedRestart(
        target=time.target,
        at=rfc3339(time.at_wall),
        cron=time.cron,
        timezone=time.timezone,
        skipped=time.skipped,
        in_maintenance=time.in_window,
        before_limit=time.before_limit,
    )


def decision(result: Decision | None) -> control.DecisionAnswer:
    """The answer to an operator's request."""
    return control.DecisionAnswer(
        decision=_decision(result), incident=result.incident if result else None
    )


def restart(first: Decision, replicas: tuple[str, ...]) -> control.RestartAnswer:
    """The answer to a request for a restart that begins."""
    return control.RestartAnswer(
        decision=decision_summary(first), incident=first.incident, replicas=replicas
    )


def objection(decision: Decision) -> control.Objection:
    """The answer to a restart that a guard objects to."""
    return control.Objection(
        error=str(decision.reason),
        guard=decision.guard,
        decision=decision_summary(decision),
        incident=decision.incident,
    )
