"""What people and schedules ask for."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core import budget, loop, plan, wallets
from sidecar.core.course import end_remedy
from sidecar.core.escalation import acknowledged
from sidecar.core.event import (
    AckAsked,
    PauseAsked,
    PlanCancelled,
    PlannedDue,
    RecoverAsked,
    ReleaseAsked,
    RestartAsked,
    ResumeAsked,
    SettingsRefused,
    SettingsTaken,
)
from sidecar.core.folded import Folded, one, put, put_incident, same
from sidecar.core.moment import Moment
from sidecar.core.state import Instance, Phase, State
from sidecar.core.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyOutcome,
    Transition,
)


def planned_due(state: State, event: PlannedDue) -> Folded:
    """A planned restart waits for its turn from now on."""
    if event.target not in state.targets or event.target in state.due:
        return same(state)
    touched = tuple(i.id for i in state.replicas(event.target))
    return Folded(plan.due(state, event.target, event.at), (), touched)


def plan_cancelled(state: State, event: PlanCancelled) -> Folded:
    """Nothing more of a planned restart."""
    return Folded(plan.cancelled(state, event.target), (), ())


def restart_asked(state: State, event: RestartAsked) -> Folded:
    """Somebody wants an instance, or the first of a target, restarted."""
    for instance in state.instances.values():
        if instance.name == event.target:
            return one(state, replace(instance, asked=True, asked_now=event.now))
    return same(state)


def pause_asked(state: State, event: PauseAsked) -> Folded:
    """No acting and telling for some targets, until a time or for good."""
    until = float("inf") if event.until_wall is None else event.until_wall
    paused = {**state.paused, **dict.fromkeys(event.targets, until)}
    return _with_pauses(state, paused)


def resume_asked(state: State, event: ResumeAsked) -> Folded:
    """The pause of some targets is over."""
    paused = {k: v for k, v in state.paused.items() if k not in event.targets}
    return _with_pauses(state, paused)


def _with_pauses(state: State, paused: dict[str, float]) -> Folded:
    after = replace(state, paused=MappingProxyType(paused))
    return Folded(after, (), tuple(state.instances))


def settings_taken(state: State, event: SettingsTaken) -> Folded:
    """The file's settings of the whole stack are in force from now on."""
    known = state.settings
    faulty_since = known.since if known.faults else None
    view = replace(known, faults="", since=event.at, faulty_since=faulty_since)
    after = replace(state, mode=event.mode, notify=event.notify, settings=view)
    return Folded(after, (), tuple(state.instances))


def settings_refused(state: State, event: SettingsRefused) -> Folded:
    """While older settings are in force, the file's faults are the present ones.

    Whoever reloads is told of them already.
    """
    view = state.settings
    if not view.faults:
        return same(state)
    told = event.faults if view.told else ""
    changed = replace(view, faults=event.faults, told=told)
    return Folded(replace(state, settings=changed), (), ())


def recover_asked(state: State, event: RecoverAsked) -> Folded:
    """A person says that it was mended: budgets, lanes and ledger begin anew.

    So does the memory of its wallets: those that are loaded now are the right ones,
    where any is.
    What is verified is over: what still fails is treated at once.
    """
    meant = [
        i for i in state.instances.values() if event.target in {i.name, i.id.target}
    ]
    ended: list[Transition] = []
    for instance in meant:
        over = _verified_no_more(state, instance, event.at)
        state = over.state
        ended.extend(over.transitions)
    found = [_begun_anew(state.instances[i.id]) for i in meant]
    mended = {i.id.target for i in found}
    ledger = {k: v for k, v in state.ledger.items() if k.target not in mended}
    after = replace(put(state, *found), ledger=MappingProxyType(ledger))
    return Folded(after, tuple(ended), tuple(i.id for i in found))


def _verified_no_more(state: State, instance: Instance, at: Moment) -> Folded:
    remedy = instance.remedy
    if remedy is None or remedy.phase is not Phase.VERIFYING:
        return same(state)
    reason = "an operator said recover before its end"
    return end_remedy(state, instance, RemedyOutcome.UNKNOWN, reason, at)


def _begun_anew(instance: Instance) -> Instance:
    anew = replace(
        loop.over(instance),
        lane=budget.Lane(),
        load_lane=budget.Lane(),
        refused_starts=0,
    )
    if not wallets.has_loaded(instance):
        return anew
    return replace(anew, wallets=(), wallets_run=None)


def ack_asked(state: State, event: AckAsked) -> Folded:
    """Somebody takes care of an incident."""
    incident = state.incidents.get(event.incident)
    if incident is None or not incident.open:
        return same(state)
    acked = acknowledged(incident, event.at, event.by)
    step = IncidentChanged(
        event.at,
        incident.id,
        IncidentStep.ACKNOWLEDGED,
        incident.target,
        f"somebody takes care of it ({event.by})",
    )
    if not acked.is_fact:
        return Folded(put_incident(state, acked), (step,), ())
    closed = replace(acked, resolved_at=event.at)
    why = "somebody takes care of it, and it happened once"
    end = IncidentChanged(
        event.at, closed.id, IncidentStep.RESOLVED, closed.target, why
    )
    return Folded(put_incident(state, closed), (step, end), ())


def release_asked(state: State, event: ReleaseAsked) -> Folded:
    """A person gives up on a remedy that is under way, and on a load within it."""
    for instance in state.instances.values():
        if event.target not in {instance.name, instance.id.target}:
            continue
        if instance.remedy is None and instance.loading is None:
            continue
        # Whether the load came to something is for a probe to say that begins now.
        called = event.at.mono if instance.loading is not None else instance.called_mono
        left = replace(instance, loading=None, called_mono=called)
        if left.remedy is None:
            return one(state, left)
        reason = "an operator released it before its end"
        unknown = RemedyOutcome.UNKNOWN
        return end_remedy(state, left, unknown, reason, event.at)
    return same(state)
