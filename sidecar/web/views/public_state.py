"""The state and the journal as a visitor may see them, without private data.

A visitor is a reader without the API token. Each record is built anew from the fields
that are named here, so a new field is private until somebody names it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from sidecar.core.model.container import Container
from sidecar.core.model.decision import Decision
from sidecar.core.model.drill import Drill
from sidecar.core.model.health import Health
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance, Remedy
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.journal_entry import EntryKind, JournalEntry
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.probe_settings import ElectronCashProbe
from sidecar.core.model.state import DueRestart, EngineStatus, State
from sidecar.core.model.target import Target
from sidecar.core.policy.decide import decision_in_force
from sidecar.core.reason.public_reason import public_reason
from sidecar.core.reason.reason_text import encode_reason

_Value = TypeVar("_Value")

_OTHER_ENGINE = "another engine"
_ENTRY_KEYS = frozenset(
    {
        "action",
        "at",
        "cause",
        "from",
        "guard",
        "incident",
        "outcome",
        "recovery_seconds",
        "seconds",
        "step",
        "target",
        "to",
        "trigger",
        "type",
    }
)


def public_state(state: State, now: Moment) -> State:
    """The state without names of containers and hosts, texts of others and amounts.

    ``last_decision`` of an instance is its decision in force, which cannot be found
    from the rest of a public state.
    """
    return State(
        started=state.started,
        mode=state.mode,
        targets=_map_values(state.targets, _public_target),
        instances=build_table(
            {
                instance_id: _public_instance(
                    instance, decision_in_force(state, instance_id, now)
                )
                for instance_id, instance in state.instances.items()
            }
        ),
        engine=_public_engine(state.engine),
        paused=state.paused,
        windows=state.windows,
        due=_map_values(state.due, _public_due),
        plan=state.plan,
        incidents=_map_values(state.incidents, public_incident),
        ledger=state.ledger,
        notify=NotifySettings(timezone=state.notify.timezone),
        own_network=state.own_network,
        topology=state.topology,
        numbers=state.numbers,
        drill=None if state.drill is None else _public_drill(state.drill),
    )


def _public_drill(drill: Drill) -> Drill:
    """The drill without what the engine said, its undo and other targets."""
    return Drill(
        drill.id,
        drill.instance,
        drill.name,
        drill.fault,
        drill.trigger,
        drill.objective,
        drill.began,
        drill.phase,
        drill.phase_since,
    )


def public_incident(incident: Incident) -> Incident:
    """The incident without the channels that were notified."""
    return Incident(
        incident.id,
        incident.target,
        incident.cause,
        incident.severity,
        incident.opened_at,
        affected=incident.affected,
        acked_at=incident.acked_at,
        resolved_at=incident.resolved_at,
        remedies=incident.remedies,
        loads=incident.loads,
        detail=public_reason(incident.detail),
        followers=incident.followers,
        deeds=incident.deeds,
        began_wall=incident.began_wall,
    )


def public_entries(entries: Iterable[JournalEntry]) -> tuple[JournalEntry, ...]:
    """The journal entries without balances and without sentences that quote others."""
    return tuple(
        _public_entry(entry) for entry in entries if entry.kind is not EntryKind.BALANCE
    )


def _public_entry(entry: JournalEntry) -> JournalEntry:
    public_data = {
        key: value for key, value in entry.data.items() if key in _ENTRY_KEYS
    }
    if "reason" not in entry.data:
        return replace(entry, data=public_data, reason_data="")
    reason = public_reason(entry.reason)
    return replace(
        entry,
        data={**public_data, "reason": str(reason), "reason_code": reason.code},
        reason_data=encode_reason(reason),
    )


def _map_values(
    values: Mapping[str, _Value], change: Callable[[_Value], _Value]
) -> Mapping[str, _Value]:
    return MappingProxyType({key: change(value) for key, value in values.items()})


def _public_target(target: Target) -> Target:
    is_wallet = target.wallet is not None
    return Target(
        target.name,
        probes=(ElectronCashProbe(url=""),) if is_wallet else (),
        depends_on=target.depends_on,
        after_dependency=target.after_dependency,
        settle_s=target.settle_s,
        cadence=target.cadence,
        restart=target.restart,
        preventive=target.preventive,
        severity=target.severity,
        may_finish=target.may_finish,
        declared=target.declared,
    )


def _public_engine(engine: EngineStatus) -> EngineStatus:
    return EngineStatus(
        reachable=engine.reachable,
        reason="",
        since=engine.since,
        listed_mono=engine.listed_mono,
        is_reported=engine.is_reported,
        lost_at=engine.lost_at,
        other=_OTHER_ENGINE if engine.other else "",
    )


def _public_instance(instance: Instance, decision: Decision | None) -> Instance:
    remedy, loading = instance.remedy, instance.loading
    container = instance.container
    return Instance(
        instance.id,
        instance.name,
        container=None if container is None else _public_container(container),
        run_mono=instance.run_mono,
        missing_since=instance.missing_since,
        seen_mono=instance.seen_mono,
        stop=instance.stop,
        looping=instance.looping,
        health=_public_health(instance.health),
        state=instance.state,
        since=instance.since,
        cause=instance.cause,
        reason=public_reason(instance.reason),
        lane=instance.lane,
        load_lane=instance.load_lane,
        remedy=None if remedy is None else _public_remedy(remedy),
        loading=None if loading is None else _public_decision(loading),
        settling=instance.settling,
        must_restart=instance.must_restart,
        asked=instance.asked,
        asked_now=instance.asked_now,
        incident=instance.incident,
        last_decision=None if decision is None else _public_decision(decision),
        restarted=instance.restarted,
        restarts_total=instance.restarts_total,
        counted_mono=instance.counted_mono,
        boot_s=instance.boot_s,
    )


def _public_container(container: Container) -> Container:
    return Container(
        id="",
        name="",
        stack="",
        service="",
        number=container.number,
        status=container.status,
        started_at=container.started_at,
        finished_at=container.finished_at,
        exit_code=container.exit_code,
        oom_killed=container.oom_killed,
        health=container.health,
    )


def _public_health(health: Health) -> Health:
    last = health.last
    return Health(
        up=health.up,
        failures=health.failures,
        successes=health.successes,
        ever_answered_well=health.ever_answered_well,
        first_failure_mono=health.first_failure_mono,
        last_success_mono=health.last_success_mono,
        last=None if last is None else _public_result(last),
        last_at=health.last_at,
        last_seconds=health.last_seconds,
        has_answered=health.has_answered,
    )


def _public_due(due: DueRestart) -> DueRestart:
    return DueRestart(due.until_mono, public_reason(due.why))


def _public_result(result: ProbeResult) -> ProbeResult:
    return ProbeResult(
        result.verdict,
        result.cause,
        public_reason(result.reason),
        warnings=result.warnings,
    )


def _public_remedy(remedy: Remedy) -> Remedy:
    return Remedy(
        _public_decision(remedy.decision),
        remedy.phase,
        remedy.began,
        remedy.deadline_mono,
        remedy.first_failure_mono,
        note=public_reason(remedy.note),
        uncertain=remedy.uncertain,
        extended_s=remedy.extended_s,
    )


def _public_decision(decision: Decision) -> Decision:
    return Decision(
        decision.at,
        decision.instance,
        decision.name,
        decision.action,
        decision.guard,
        public_reason(decision.reason),
        decision.cause,
        decision.trigger,
        incident=decision.incident,
    )
