"""state + event -> state, transitions. An event that does not fit changes nothing."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core import balance, budget, ending, loop, plan, run
from sidecar.core.container import Container
from sidecar.core.decision import Action, Decision, Trigger
from sidecar.core.escalation import acknowledged
from sidecar.core.event import (
    AckAsked,
    ActResult,
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
    RestartAsked,
    ResumeAsked,
    Tick,
)
from sidecar.core.health import observe, settle
from sidecar.core.judge import BROKEN, WORKING, in_start_period, judge
from sidecar.core.ledger import adopted, close_orphans, note_incidents, note_outcome
from sidecar.core.moment import Moment
from sidecar.core.restore import clarified, taken_over
from sidecar.core.state import (
    Instance,
    Phase,
    Remedy,
    Settling,
    State,
)
from sidecar.core.target import AfterRoot, InstanceId, Target
from sidecar.core.topology import work_out
from sidecar.core.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
    StateChanged,
    TargetState,
    Transition,
)

ACT_MARGIN_S = 150.0
"""Beyond the stop timeout; more than the executor takes, who ends everything that
he begins. What goes on longer was never begun, or its end was lost.
"""


class Folded(NamedTuple):
    """A new state, what changed, and whom it may concern."""

    state: State
    transitions: tuple[Transition, ...]
    touched: tuple[InstanceId, ...]


def fold(state: State, event: Event) -> Folded:
    """Work one event into the state."""
    changed = _HANDLERS[type(event)](state, event)
    return _settle_all(changed.state, changed.touched, changed.transitions, event.at)


def _put(state: State, *instances: Instance) -> State:
    merged = {**state.instances, **{i.id: i for i in instances}}
    return replace(state, instances=MappingProxyType(merged))


def _same(state: State) -> Folded:
    return Folded(state, (), ())


def _one(state: State, instance: Instance, *transitions: Transition) -> Folded:
    return Folded(_put(state, instance), transitions, (instance.id,))


# --- what the world shows -----------------------------------------------------


def _listed(state: State, event: ContainersListed) -> Folded:
    targets = {target.name: target for target in event.targets}
    present = dict(event.containers)
    instances = {
        i: _listed_instance(state, i, present.get(i), event.at)
        for i in _expected(state, targets, present)
    }
    numbers = _numbers(instances)
    named = {i: _named(inst, numbers) for i, inst in instances.items()}
    listed = replace(
        state,
        targets=MappingProxyType(targets),
        instances=MappingProxyType(named),
        numbers=MappingProxyType(numbers),
        engine=replace(state.engine, listed_mono=event.at.mono),
        topology=work_out(event.targets)
        if dict(state.targets) != targets
        else state.topology,
        left=MappingProxyType({}),
    )
    is_first = state.engine.listed_mono is None
    if is_first:
        listed = adopted(listed)
    if not is_first and state.instances.keys() <= instances.keys():
        return Folded(listed, (), tuple(named))
    left, closed = close_orphans(plan.pruned(listed), event.at)
    return Folded(left, closed, tuple(named))


def _expected(
    state: State, targets: Mapping[str, Target], present: Iterable[InstanceId]
) -> list[InstanceId]:
    """Who is there, and who should be: a target without any container is missed."""
    expected = [i for i in present if i.target in targets]
    there = {i.target for i in expected}
    numbers = state.numbers or _numbers(sorted(state.left))
    for name in targets:
        if name not in there:
            known = numbers.get(name, (1,))
            expected.append(InstanceId(name, known[0]))
    return sorted(expected)


def _listed_instance(
    state: State, who: InstanceId, container: Container | None, at: Moment
) -> Instance:
    left = state.left.get(who)
    instance = state.instances.get(who) or left or Instance(who, who.target, since=at)
    if container is None:
        return run.lost(instance, at)
    attached = run.attach(instance, container, at)
    return attached if left is None else taken_over(attached, at)


def _named(instance: Instance, numbers: Mapping[str, tuple[int, ...]]) -> Instance:
    target, number = instance.id
    name = target if len(numbers[target]) == 1 else f"{target}-{number}"
    return instance if instance.name == name else replace(instance, name=name)


def _numbers(instances: Iterable[InstanceId]) -> dict[str, tuple[int, ...]]:
    numbers: dict[str, tuple[int, ...]] = {}
    for target, number in instances:
        numbers[target] = (*numbers.get(target, ()), number)
    return numbers


def _noticed(state: State, event: ContainerNotice) -> Folded:
    instance = state.instances.get(event.instance)
    if instance is None:
        return _same(state)
    noticed = run.notice(instance, event)
    if noticed.looping and not instance.looping:
        settings = state.target_of(instance).restart
        noticed = replace(
            noticed, lane=budget.slow(noticed.lane, settings, event.at.mono)
        )
    return _one(state, noticed)


def _engine_seen(state: State, event: EngineSeen) -> Folded:
    if (
        state.engine.reachable == event.reachable
        and state.engine.reason == event.reason
    ):
        return _same(state)
    since = (
        state.engine.since if state.engine.reachable == event.reachable else event.at
    )
    view = replace(
        state.engine, reachable=event.reachable, reason=event.reason, since=since
    )
    return Folded(replace(state, engine=view), (), tuple(state.instances))


def _probed(state: State, event: ProbeDone) -> Folded:
    instance = state.instances.get(event.instance)
    if instance is None or instance.container is None:
        return _same(state)
    if instance.container.run != event.run or _acting(instance):
        return _same(state)
    target = state.target_of(instance)
    starting = in_start_period(instance, target, event.at.mono)
    health = observe(
        instance.health,
        target,
        event.outcome,
        event.began_mono,
        event.at,
        starting=starting,
    )
    looked = instance.looked if health.failures else None
    seen = replace(instance, health=health, looked=looked)
    seen, compared = balance.noted(seen, target, event.outcome, event.at)
    return _one(state, seen, *compared)


def _acting(instance: Instance) -> bool:
    return instance.remedy is not None and instance.remedy.phase is Phase.ACTING


def _looked(state: State, event: ProcessesSeen) -> Folded:
    instance = state.instances.get(event.instance)
    if instance is None or instance.container is None:
        return _same(state)
    if instance.container.run != event.run or not instance.health.failures:
        return _same(state)
    frozen = replace(instance.health, frozen=bool(event.stopped))
    health = settle(frozen, state.target_of(instance), event.at.mono)
    return _one(state, replace(instance, health=health))


def _gathered(state: State, event: EvidenceGathered) -> Folded:
    instance = state.instances.get(event.instance)
    if instance is None:
        return _same(state)
    return _one(state, loop.heard(instance, event.log))


# --- what we decided and did --------------------------------------------------


def _decided(state: State, event: Decided) -> Folded:
    decision = event.decision
    instance = state.instances.get(decision.instance)
    if instance is None:
        return _same(state)
    after = _put(state, _noted(instance, event))
    if _finishes(instance, decision):
        return Folded(after, (), (instance.id,))
    if _counts(decision):
        after = replace(after, restarts=_recent(state.restarts, event.at.mono))
    if decision.trigger is Trigger.PLANNED:
        after = plan.moved(after, decision, event.at)
    return Folded(after, (), (instance.id,))


def _noted(instance: Instance, event: Decided) -> Instance:
    decision = event.decision
    noted = loop.paged(replace(instance, last_decision=decision), decision)
    if decision.trigger is Trigger.OPERATOR:
        noted = replace(noted, asked=False, asked_now=False)
    if decision.action is Action.LOOK:
        return replace(noted, looked=decision.run)
    if decision.action is Action.LOAD_WALLET:
        lane = budget.spend(noted.load_lane, event.at.mono)
        return replace(noted, loading=decision, load_lane=lane)
    if _finishes(instance, decision):
        return _goes_on(noted, event)
    if decision.action.changes_something:
        return _remedy_begins(noted, event)
    return noted


def _finishes(instance: Instance, decision: Decision) -> bool:
    """Is it the end of what a dead predecessor began?"""
    finishing = decision.action in {Action.START, Action.RESTART}
    return finishing and instance.remedy is not None


def _goes_on(instance: Instance, event: Decided) -> Instance:
    """The remedy is the one that was begun: no further try is counted."""
    remedy = instance.remedy
    if remedy is None:
        return instance
    deadline = event.at.mono + event.decision.stop_timeout_s + ACT_MARGIN_S
    acting = replace(remedy, phase=Phase.ACTING, deadline_mono=deadline)
    return replace(instance, remedy=acting, treated=event.decision.run)


def _counts(decision: Decision) -> bool:
    """Does it bring the storm brake nearer? What people want is no storm."""
    restarts = decision.action in {Action.START, Action.RESTART}
    return restarts and decision.trigger.is_automatic


def _recent(restarts: tuple[float, ...], now: float) -> tuple[float, ...]:
    kept = tuple(t for t in restarts if now - t < budget.STORM_WINDOW_S)
    return (*kept, now)


def _remedy_begins(instance: Instance, event: Decided) -> Instance:
    decision = event.decision
    remedy = Remedy(
        decision,
        Phase.ACTING,
        event.at,
        event.at.mono + decision.stop_timeout_s + ACT_MARGIN_S,
        instance.health.first_failure_mono or instance.exited_mono,
        balance=balance.before(instance),
    )
    lane = instance.lane
    if decision.trigger.is_automatic:
        lane = budget.spend(lane, event.at.mono)
    return replace(
        instance,
        remedy=remedy,
        lane=lane,
        must_restart=False,
        treated=decision.run,
    )


def _acted(state: State, event: RemedyActed) -> Folded:
    instance = state.instances.get(event.instance)
    if instance is None:
        return _same(state)
    if instance.loading is not None:
        return _wallet_called(state, instance, event.result, event.at)
    remedy = instance.remedy
    if remedy is None or remedy.phase is not Phase.ACTING:
        return _same(state)
    if event.result is ActResult.NOT_SENT:
        return _not_sent(state, instance, event)
    sent = replace(instance, restarts_total=instance.restarts_total + 1)
    if event.result is ActResult.FAILED:
        seen = _attached(replace(sent, restarted=event.at), event)
        return _end_remedy(state, seen, RemedyOutcome.FAILED, event.reason, event.at)
    settings = state.target_of(instance).restart
    verifying = replace(
        remedy,
        phase=Phase.VERIFYING,
        deadline_mono=event.at.mono + settings.recovery_timeout_s,
        note=event.reason,
        uncertain=event.result is ActResult.UNKNOWN,
    )
    seen = _attached(replace(sent, remedy=verifying, restarted=event.at), event)
    return _one(state, seen)


def _attached(instance: Instance, event: RemedyActed) -> Instance:
    known, seen = instance.container, event.container
    if seen is None or (known is not None and known.id != seen.id):
        return instance
    return run.attach(instance, seen, event.at)


def _not_sent(state: State, instance: Instance, event: RemedyActed) -> Folded:
    """Nothing happened: nothing is counted, but do not spin."""
    remedy = instance.remedy
    if remedy is not None and remedy.uncertain:
        # A predecessor's: what it sent itself may have come to its end just now.
        now = event.at.mono
        taken = replace(remedy, phase=Phase.TAKEN_OVER, deadline_mono=now)
        return _one(state, _attached(replace(instance, remedy=taken), event))
    after = _taken_back(state, instance, event.at)
    return _one(after, _attached(after.instances[instance.id], event))


def _taken_back(state: State, instance: Instance, at: Moment) -> State:
    """As if the remedy had not been decided on."""
    remedy = instance.remedy
    decision = remedy.decision if remedy is not None else None
    untouched = replace(instance, remedy=None, treated=None)
    if decision is not None and decision.trigger.is_automatic:
        lane = budget.unsent(instance.lane, at.mono)
        untouched = replace(untouched, lane=lane)
        state = replace(state, restarts=state.restarts[:-1])
    elif decision is not None and decision.trigger is Trigger.PLANNED:
        state = replace(state, plan=None)
    return _put(state, untouched)


def _wallet_called(
    state: State, instance: Instance, result: ActResult, at: Moment
) -> Folded:
    decision = instance.loading
    settings = state.target_of(instance).restart
    if result is ActResult.NOT_SENT:
        lane = budget.unsent(instance.load_lane, at.mono)
    else:
        lane = budget.failed(instance.load_lane, settings, instance.id, at.mono)
    called = replace(instance, loading=None, load_lane=lane, called_mono=at.mono)
    if decision is None or result is not ActResult.DONE or called.remedy:
        return _one(state, called)
    remedy = Remedy(
        decision,
        Phase.VERIFYING,
        at,
        at.mono + settings.recovery_timeout_s,
        instance.health.first_failure_mono,
        balance=balance.before(instance),
    )
    return _one(state, replace(called, remedy=remedy))


def _end_remedy(
    state: State, instance: Instance, outcome: RemedyOutcome, reason: str, at: Moment
) -> Folded:
    remedy = instance.remedy
    if remedy is None:
        return _same(state)
    decision = remedy.decision
    recovered = outcome is RemedyOutcome.RECOVERED
    first = remedy.first_failure_mono
    ended = RemedyEnded(
        at,
        instance.id,
        instance.name,
        decision.action,
        decision.trigger,
        decision.cause,
        outcome,
        reason,
        at.mono - remedy.began.mono,
        at.mono - first if recovered and first is not None else None,
        instance.incident or decision.incident,
    )
    lane = instance.lane
    if decision.action is not Action.LOAD_WALLET and (
        not recovered or instance.looping
    ):
        # In a crash loop to have answered is not to have recovered.
        settings = state.target_of(instance).restart
        lane = budget.failed(lane, settings, instance.id, at.mono)
    instance, compared = balance.at_end(instance, state.target_of(instance), ended)
    without = note_outcome(
        _put(state, replace(instance, remedy=None, lane=lane)), ended
    )
    if decision.trigger is Trigger.PLANNED and not recovered:
        without = replace(without, plan=None)
    return Folded(without, (ended, *compared), (instance.id,))


# --- what people and schedules ask ---------------------------------------------


def _planned_due(state: State, event: PlannedDue) -> Folded:
    if event.target not in state.targets or event.target in state.due:
        return _same(state)
    touched = tuple(i.id for i in state.replicas(event.target))
    return Folded(plan.due(state, event.target, event.at), (), touched)


def _plan_cancelled(state: State, event: PlanCancelled) -> Folded:
    return Folded(plan.cancelled(state, event.target), (), ())


def _restart_asked(state: State, event: RestartAsked) -> Folded:
    for instance in state.instances.values():
        if instance.name == event.target:
            return _one(state, replace(instance, asked=True, asked_now=event.now))
    return _same(state)


def _pause_asked(state: State, event: PauseAsked) -> Folded:
    until = float("inf") if event.until_wall is None else event.until_wall
    paused = {**state.paused, **dict.fromkeys(event.targets, until)}
    return _with_pauses(state, paused)


def _resume_asked(state: State, event: ResumeAsked) -> Folded:
    paused = {k: v for k, v in state.paused.items() if k not in event.targets}
    return _with_pauses(state, paused)


def _with_pauses(state: State, paused: dict[str, float]) -> Folded:
    after = replace(state, paused=MappingProxyType(paused))
    return Folded(after, (), tuple(state.instances))


def _recover_asked(state: State, event: RecoverAsked) -> Folded:
    found = [
        replace(loop.over(i), lane=budget.Lane(), load_lane=budget.Lane())
        for i in state.instances.values()
        if event.target in {i.name, i.id.target}
    ]
    mended = {i.id.target for i in found}
    ledger = {k: v for k, v in state.ledger.items() if k.target not in mended}
    after = replace(_put(state, *found), ledger=MappingProxyType(ledger))
    return Folded(after, (), tuple(i.id for i in found))


def _ack_asked(state: State, event: AckAsked) -> Folded:
    incident = state.incidents.get(event.incident)
    if incident is None or not incident.open:
        return _same(state)
    acked = acknowledged(incident, event.at, event.by)
    incidents = MappingProxyType({**state.incidents, incident.id: acked})
    step = IncidentChanged(
        event.at,
        incident.id,
        IncidentStep.ACKNOWLEDGED,
        incident.target,
        f"somebody takes care of it ({event.by})",
    )
    return Folded(replace(state, incidents=incidents), (step,), ())


def _release_asked(state: State, event: ReleaseAsked) -> Folded:
    for instance in state.instances.values():
        if event.target not in {instance.name, instance.id.target}:
            continue
        if instance.remedy is not None:
            reason = "an operator released it before its end"
            unknown = RemedyOutcome.UNKNOWN
            return _end_remedy(state, instance, unknown, reason, event.at)
        if instance.loading is not None:
            return _one(state, replace(instance, loading=None))
    return _same(state)


# --- what time brings ----------------------------------------------------------


def _ticked(state: State, event: Tick) -> Folded:
    troubled = tuple(i for i in state.instances.values() if not is_quiet(i))
    now = event.at.mono
    aged = [_aged(state, instance, now) for instance in troubled]
    paused = {k: v for k, v in state.paused.items() if v > event.at.wall}
    after = _put(state, *aged) if aged else state
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
    )


# --- what follows --------------------------------------------------------------


def _settle_all(
    state: State,
    touched: tuple[InstanceId, ...],
    transitions: tuple[Transition, ...],
    at: Moment,
) -> Folded:
    found = list(transitions)
    concerned = dict.fromkeys(touched)
    for who in touched:
        verified = _verify(state, who, at)
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


def _verify(state: State, who: InstanceId, at: Moment) -> Folded:
    """Does what is open end here: by health, in vain, or at its deadline?"""
    known = state.instances[who]
    recovery_s = state.target_of(known).restart.recovery_timeout_s
    instance = clarified(known, recovery_s, at)
    if instance is not known:
        state = _put(state, instance)
    loading, remedy = instance.loading, instance.remedy
    if loading is not None and at.mono >= loading.at.mono + ACT_MARGIN_S:
        return _wallet_called(state, instance, ActResult.UNKNOWN, at)
    if remedy is None:
        return _same(state)
    if _was_needless(instance, remedy, at):
        return _same(_taken_back(state, instance, at))
    found = _ending(state, instance, remedy)
    if found is None and at.mono >= _over_mono(instance, remedy):
        found = _at_deadline(instance, remedy)
    return _same(state) if found is None else _end_remedy(state, instance, *found, at)


def _was_needless(instance: Instance, remedy: Remedy, at: Moment) -> bool:
    """Did a dead predecessor not come to send what has become needless since?"""
    if remedy.phase is not Phase.TAKEN_OVER or at.mono < remedy.deadline_mono:
        return False
    if not remedy.decision.trigger.is_automatic or not run.is_running(instance):
        return False
    return ending.recovered(instance, remedy)


def _over_mono(instance: Instance, remedy: Remedy) -> float:
    """When it is given up. What a dead predecessor began gets time to be finished;
    a container that it left stopped is started, however long that takes.
    """
    if remedy.phase is not Phase.TAKEN_OVER:
        return remedy.deadline_mono
    if run.has_stopped(instance):
        return math.inf
    return remedy.deadline_mono + ACT_MARGIN_S


def _ending(state: State, instance: Instance, remedy: Remedy) -> ending.Ending | None:
    if remedy.phase is Phase.VERIFYING:
        if ending.recovered(instance, remedy):
            return ending.Ending(RemedyOutcome.RECOVERED, "it works")
        return ending.cut_short(state, instance)
    taken_over = remedy.phase is Phase.TAKEN_OVER
    if taken_over and run.stopped_by_person(instance):
        return ending.STOPPED_MEANWHILE
    return None


def _at_deadline(instance: Instance, remedy: Remedy) -> ending.Ending:
    if remedy.phase is not Phase.VERIFYING:
        reason = "the remedy did not end in time and was given up"
        return ending.Ending(RemedyOutcome.UNKNOWN, reason)
    last = instance.health.last
    reason = last.reason if last is not None else "no probe answered"
    if remedy.uncertain:
        reason = f"{remedy.note}; {reason}"
    return ending.Ending(RemedyOutcome.NOT_RECOVERED, reason)


def _name_state(state: State, who: InstanceId, at: Moment) -> Folded:
    instance = state.instances[who]
    target = state.target_of(instance)
    new = judge(instance, target, at)
    if new == (instance.state, instance.cause, instance.reason):
        return _same(state)
    if new.state is instance.state and new.cause in {instance.cause, None}:
        noted = replace(instance, cause=new.cause, reason=new.reason)
        return _same(_put(state, noted))
    changed = replace(
        instance,
        state=new.state,
        cause=new.cause,
        reason=new.reason,
        since=instance.since if new.state is instance.state else at,
    )
    if new.state in WORKING:
        changed = _rearmed(changed)
    after = _put(state, changed)
    touched: tuple[InstanceId, ...] = ()
    if new.state in WORKING and instance.state not in WORKING:
        after, touched = _root_works(after, changed, instance.state, at)
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
    return replace(instance, lane=budget.Lane(), load_lane=budget.Lane(), settling=None)


def _root_works(
    state: State, root: Instance, before: TargetState, at: Moment
) -> tuple[State, tuple[InstanceId, ...]]:
    """Give the dependents of a root that works again their time to follow."""
    if before is TargetState.UNKNOWN:
        return state, ()
    was_down = before in BROKEN or root.incident is not None
    planned = state.plan is not None and state.plan.target == root.id.target
    found = []
    for name in state.topology.dependents.get(root.id.target, ()):
        target = state.targets[name]
        always = target.after_root is AfterRoot.ALWAYS and was_down and not planned
        for instance in state.replicas(name):
            # A root that only blinks does not give more time each time.
            anew = was_down or instance.settling is None
            if always or (anew and instance.state not in WORKING):
                settling = Settling(root.name, at.mono + target.settle_s)
                must = instance.must_restart or always
                found.append(replace(instance, settling=settling, must_restart=must))
    return (_put(state, *found) if found else state), tuple(i.id for i in found)


_HANDLERS: Mapping[type, Callable[..., Folded]] = MappingProxyType(
    {
        ContainersListed: _listed,
        ContainerNotice: _noticed,
        EngineSeen: _engine_seen,
        ProbeDone: _probed,
        ProcessesSeen: _looked,
        EvidenceGathered: _gathered,
        Decided: _decided,
        RemedyActed: _acted,
        PlannedDue: _planned_due,
        PlanCancelled: _plan_cancelled,
        RestartAsked: _restart_asked,
        PauseAsked: _pause_asked,
        ResumeAsked: _resume_asked,
        RecoverAsked: _recover_asked,
        ReleaseAsked: _release_asked,
        AckAsked: _ack_asked,
        Tick: _ticked,
    }
)
