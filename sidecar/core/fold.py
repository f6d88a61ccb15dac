"""state + event -> state, transitions. An event that does not fit changes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sidecar.core import asked, budget, course, following, run, seen
from sidecar.core.event import (
    AckAsked,
    ContainerNotice,
    ContainersListed,
    Decided,
    EngineSeen,
    Event,
    EvidenceGathered,
    PauseAsked,
    PlanCancelled,
    PlannedDue,
    ProbeDone,
    ProcessesSeen,
    RecoverAsked,
    ReleaseAsked,
    RemedyActed,
    RemedyProgressed,
    RestartAsked,
    ResumeAsked,
    SettingsRefused,
    SettingsTaken,
    Tick,
)
from sidecar.core.folded import Folded, put, same
from sidecar.core.health import settle
from sidecar.core.judge import WORKING, judge
from sidecar.core.ledger import note_incidents
from sidecar.core.moment import Moment
from sidecar.core.state import (
    Instance,
    State,
)
from sidecar.core.target import InstanceId
from sidecar.core.transition import (
    StateChanged,
    Transition,
)


def fold(state: State, event: Event) -> Folded:
    """Work one event into the state."""
    changed = _HANDLERS[type(event)](state, event)
    return _settle_all(changed.state, changed.touched, changed.transitions, event.at)


def _ticked(state: State, event: Tick) -> Folded:
    troubled = tuple(i for i in state.instances.values() if not is_quiet(i))
    now = event.at.mono
    aged = [_aged(state, instance, now) for instance in troubled]
    paused = {k: v for k, v in state.paused.items() if v > event.at.wall}
    after = put(state, *aged) if aged else state
    if len(paused) != len(state.paused):
        after = replace(after, paused=MappingProxyType(paused))
    return Folded(after, (), tuple(i.id for i in troubled))


def _aged(state: State, instance: Instance, now: float) -> Instance:
    target = state.target_of(instance)
    settled = replace(instance, health=settle(instance.health, target, now))
    return run.outlived_loop(settled, now)


def is_quiet(instance: Instance) -> bool:
    """Is there nothing that time alone could change or that waits for an answer?"""
    return (
        instance.state in WORKING
        and instance.remedy is None
        and instance.loading is None
        and not instance.asked
        and not instance.must_restart
        and not instance.looping
        and not instance.overlap.has_others_stop
        and instance.redeploy is None
    )


def _settle_all(
    state: State,
    touched: tuple[InstanceId, ...],
    transitions: tuple[Transition, ...],
    at: Moment,
) -> Folded:
    found = list(transitions)
    concerned = dict.fromkeys(touched)
    for who in touched:
        verified = course.verify(state, who, at)
        state = verified.state
        found.extend(verified.transitions)
    for who in touched:
        named = _name_state(state, who, at)
        state = named.state
        found.extend(named.transitions)
        concerned.update(dict.fromkeys(named.touched))
    state, noted = note_incidents(state, tuple(concerned), at)
    found.extend(noted)
    return Folded(state, tuple(found), tuple(concerned))


def _name_state(state: State, who: InstanceId, at: Moment) -> Folded:
    instance = state.instances[who]
    target = state.target_of(instance)
    new = judge(instance, target, at)
    if new.state is instance.state and new.cause in {instance.cause, None}:
        noted = instance
        if new.reason != instance.reason or new.cause is not instance.cause:
            noted = replace(instance, cause=new.cause, reason=new.reason)
        # That it is certain, or its path in order, shows in no name.
        noted = following.with_absence(noted, target, at)
        return same(state if noted is instance else put(state, noted))
    changed = replace(
        instance,
        state=new.state,
        cause=new.cause,
        reason=new.reason,
        since=instance.since if new.state is instance.state else at,
    )
    changed = following.with_absence(changed, target, at)
    if new.state in WORKING:
        changed = _rearmed(changed)
    after = put(state, changed)
    touched: tuple[InstanceId, ...] = ()
    if new.state in WORKING and instance.state not in WORKING:
        after, touched = following.root_works(after, changed, instance, at)
    note = StateChanged(
        at,
        who,
        instance.name,
        instance.state,
        new.state,
        new.cause,
        new.reason,
        changed.incident,
    )
    return Folded(after, (note,), (who, *touched))


def _rearmed(instance: Instance) -> Instance:
    """Seen healthy: budgets, lanes and settling begin anew."""
    return replace(
        instance,
        lane=budget.Lane(),
        load_lane=budget.Lane(),
        load_failure="",
        settling=None,
        was_away=False,
    )


_HANDLERS: Mapping[type, Callable[..., Folded]] = MappingProxyType(
    {
        ContainersListed: seen.listed,
        ContainerNotice: seen.noticed,
        EngineSeen: seen.engine_seen,
        ProbeDone: seen.probed,
        ProcessesSeen: seen.looked,
        EvidenceGathered: seen.gathered,
        Decided: course.decided,
        RemedyActed: course.acted,
        RemedyProgressed: course.progressed,
        PlannedDue: asked.planned_due,
        PlanCancelled: asked.plan_cancelled,
        RestartAsked: asked.restart_asked,
        PauseAsked: asked.pause_asked,
        ResumeAsked: asked.resume_asked,
        RecoverAsked: asked.recover_asked,
        ReleaseAsked: asked.release_asked,
        AckAsked: asked.ack_asked,
        SettingsTaken: asked.settings_taken,
        SettingsRefused: asked.settings_refused,
        Tick: _ticked,
    }
)
