"""state + event -> state, transitions. An event that does not fit changes nothing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core import budget, run
from sidecar.core.container import Container
from sidecar.core.decision import Action, Trigger
from sidecar.core.event import (
    ActResult,
    ContainerNotice,
    ContainersListed,
    Decided,
    EngineSeen,
    Event,
    PauseAsked,
    PlanCancelled,
    PlannedDue,
    ProbeDone,
    ProcessesSeen,
    RecoverAsked,
    RemedyActed,
    RestartAsked,
    ResumeAsked,
    Tick,
)
from sidecar.core.health import observe, settle
from sidecar.core.judge import BROKEN, WORKING, in_start_period, judge
from sidecar.core.ledger import note_incidents, note_outcome
from sidecar.core.moment import Moment
from sidecar.core.state import (
    EngineView,
    Instance,
    Phase,
    Plan,
    Remedy,
    Settling,
    State,
)
from sidecar.core.target import AfterRoot, InstanceId, Target
from sidecar.core.topology import work_out
from sidecar.core.transition import (
    RemedyEnded,
    RemedyOutcome,
    StateChanged,
    TargetState,
    Transition,
)

ACT_MARGIN_S = 60.0
"""Beyond the stop timeout, what evidence, RPC stop and the engine may take."""

PLAN_STEP_S = 600.0
"""How long a planned restart may wait for its next step before it is dropped."""


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
        i: _listed_instance(state.instances.get(i), i, present.get(i), event.at)
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
    )
    return Folded(listed, (), tuple(named))


def _expected(
    state: State, targets: Mapping[str, Target], present: Iterable[InstanceId]
) -> list[InstanceId]:
    """Who is there, and who should be: a target without any container is missed."""
    expected = [i for i in present if i.target in targets]
    there = {i.target for i in expected}
    for name in targets:
        if name not in there:
            known = state.numbers.get(name, (1,))
            expected.append(InstanceId(name, known[0]))
    return sorted(expected)


def _listed_instance(
    known: Instance | None, who: InstanceId, container: Container | None, at: Moment
) -> Instance:
    instance = known or Instance(who, who.target, since=at)
    if container is None:
        return run.lost(instance, at)
    return run.attach(instance, container, at)


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
    view = EngineView(event.reachable, event.reason, since, state.engine.listed_mono)
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
    return _one(state, replace(instance, health=health, looked=looked))


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


# --- what we decided and did --------------------------------------------------


def _decided(state: State, event: Decided) -> Folded:
    decision = event.decision
    instance = state.instances.get(decision.instance)
    if instance is None:
        return _same(state)
    noted = replace(instance, last_decision=decision)
    if decision.trigger is Trigger.OPERATOR:
        noted = replace(noted, asked=False, asked_now=False)
    if decision.action is Action.LOOK:
        noted = replace(noted, looked=decision.run)
    elif decision.action is Action.LOAD_WALLET:
        lane = budget.spend(noted.load_lane, event.at.mono)
        noted = replace(noted, loading=decision, load_lane=lane)
    elif decision.action.changes_something:
        noted = _remedy_begins(state, noted, event)
    after = _put(state, noted)
    if decision.action in {Action.START, Action.RESTART}:
        after = replace(after, restarts=_recent(state.restarts, event.at.mono))
    if decision.trigger is Trigger.PLANNED:
        after = _plan_moves(after, event)
    return Folded(after, (), (instance.id,))


def _recent(restarts: tuple[float, ...], now: float) -> tuple[float, ...]:
    kept = tuple(t for t in restarts if now - t < budget.STORM_WINDOW_S)
    return (*kept, now)


def _remedy_begins(state: State, instance: Instance, event: Decided) -> Instance:
    decision = event.decision
    settings = state.target_of(instance).restart
    remedy = Remedy(
        decision,
        Phase.ACTING,
        event.at,
        event.at.mono + settings.stop_timeout_s + ACT_MARGIN_S,
        instance.health.first_failure_mono or instance.exited_mono,
    )
    lane = instance.lane
    if decision.trigger in {Trigger.FAILURE, Trigger.DEPENDENCY}:
        lane = budget.spend(lane, event.at.mono)
    return replace(
        instance,
        remedy=remedy,
        lane=lane,
        must_restart=False,
        treated=decision.run,
    )


def _plan_moves(state: State, event: Decided) -> State:
    """A planned restart was begun, skipped, or its next step was taken."""
    decision = event.decision
    if decision.action is Action.HOLD:
        return state
    target = decision.instance.target
    deadline = event.at.mono + PLAN_STEP_S
    if state.plan is not None and decision.instance in state.plan.left:
        left = tuple(i for i in state.plan.left if i != decision.instance)
        plan = state.plan._replace(left=left, deadline_mono=deadline) if left else None
        return replace(state, plan=plan)
    due = MappingProxyType({k: v for k, v in state.due.items() if k != target})
    if decision.action is Action.SKIP:
        return replace(state, due=due)
    others = tuple(i for i in plan_of(state, target) if i != decision.instance)
    plan = Plan(target, others, deadline) if others else None
    return replace(state, due=due, plan=plan)


def plan_of(state: State, target: str) -> tuple[InstanceId, ...]:
    """Whom a planned restart of ``target`` restarts, in order."""
    following = (
        name
        for name in state.topology.dependents.get(target, ())
        if state.targets[name].after_root is not AfterRoot.NEVER
    )
    names = (target, *following)
    return tuple(i.id for name in names for i in state.replicas(name))


def _acted(state: State, event: RemedyActed) -> Folded:
    instance = state.instances.get(event.instance)
    if instance is None:
        return _same(state)
    if instance.loading is not None:
        return _wallet_called(state, instance, event)
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
    if event.container is None:
        return instance
    return run.attach(instance, event.container, event.at)


def _not_sent(state: State, instance: Instance, event: RemedyActed) -> Folded:
    """Nothing happened: nothing is counted, but do not spin."""
    lane = instance.lane
    remedy = instance.remedy
    if remedy is not None and remedy.decision.trigger in {
        Trigger.FAILURE,
        Trigger.DEPENDENCY,
    }:
        lane = budget.refund(lane)
    lane = replace(lane, not_before=max(lane.not_before, event.at.mono + 1.0))
    seen = _attached(replace(instance, remedy=None, lane=lane), event)
    without = replace(state, restarts=state.restarts[:-1])
    return _one(without, seen)


def _wallet_called(state: State, instance: Instance, event: RemedyActed) -> Folded:
    decision = instance.loading
    settings = state.target_of(instance).restart
    lane = instance.load_lane
    if event.result is ActResult.NOT_SENT:
        lane = replace(budget.refund(lane), not_before=event.at.mono + 1.0)
    else:
        lane = budget.failed(lane, settings, instance.id, event.at.mono)
    called = replace(instance, loading=None, load_lane=lane, called_mono=event.at.mono)
    if decision is None or event.result is not ActResult.DONE or called.remedy:
        return _one(state, called)
    remedy = Remedy(
        decision,
        Phase.VERIFYING,
        event.at,
        event.at.mono + settings.recovery_timeout_s,
        instance.health.first_failure_mono,
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
    if not recovered:
        settings = state.target_of(instance).restart
        lane = budget.failed(lane, settings, instance.id, at.mono)
    without = note_outcome(
        _put(state, replace(instance, remedy=None, lane=lane)), ended
    )
    if decision.trigger is Trigger.PLANNED and not recovered:
        without = replace(without, plan=None)
    return Folded(without, (ended,), (instance.id,))


# --- what people and schedules ask ---------------------------------------------


def _planned_due(state: State, event: PlannedDue) -> Folded:
    if event.target not in state.targets or event.target in state.due:
        return _same(state)
    touched = tuple(i.id for i in state.replicas(event.target))
    due = {**state.due, event.target: event.at.mono + PLAN_STEP_S}
    return Folded(replace(state, due=MappingProxyType(due)), (), touched)


def _plan_cancelled(state: State, event: PlanCancelled) -> Folded:
    due = MappingProxyType({k: v for k, v in state.due.items() if k != event.target})
    plan = state.plan
    if plan is not None and plan.target == event.target:
        plan = None
    return Folded(replace(state, due=due, plan=plan), (), ())


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
        replace(
            i,
            lane=budget.Lane(),
            load_lane=budget.Lane(),
            looping=False,
            short_runs=0,
            exits=(),
        )
        for i in state.instances.values()
        if event.target in {i.name, i.id.target}
    ]
    ledger = {k: v for k, v in state.ledger.items() if k.target != event.target}
    after = replace(_put(state, *found), ledger=MappingProxyType(ledger))
    return Folded(after, (), tuple(i.id for i in found))


# --- what time brings ----------------------------------------------------------


def _ticked(state: State, event: Tick) -> Folded:
    troubled = tuple(i for i in state.instances.values() if not is_quiet(i))
    now = event.at.mono
    aged = [_aged(state, instance, now) for instance in troubled]
    paused = {k: v for k, v in state.paused.items() if v > event.at.wall}
    plan = state.plan
    if plan is not None and now >= plan.deadline_mono:
        plan = None
    after = _put(state, *aged) if aged else state
    if len(paused) != len(state.paused) or plan is not state.plan:
        after = replace(after, paused=MappingProxyType(paused), plan=plan)
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
    """Does an open remedy end here: by health, or at its deadline?"""
    instance = state.instances[who]
    remedy = instance.remedy
    if remedy is None:
        return _same(state)
    if remedy.phase is Phase.VERIFYING and _recovered(instance, remedy):
        return _end_remedy(state, instance, RemedyOutcome.RECOVERED, "it works", at)
    if at.mono < remedy.deadline_mono:
        return _same(state)
    if remedy.phase is Phase.ACTING:
        reason = "the remedy did not end in time and was given up"
        return _end_remedy(state, instance, RemedyOutcome.UNKNOWN, reason, at)
    last = instance.health.last
    reason = last.reason if last is not None else "no probe answered"
    if remedy.uncertain:
        reason = f"{remedy.note}; {reason}"
    return _end_remedy(state, instance, RemedyOutcome.NOT_RECOVERED, reason, at)


def _recovered(instance: Instance, remedy: Remedy) -> bool:
    health = instance.health
    last = health.last_success_mono
    return (
        health.up is True
        and health.failures == 0
        and run.is_running(instance)
        and last is not None
        and last >= remedy.began.mono
    )


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
    found = []
    for name in state.topology.dependents.get(root.id.target, ()):
        target = state.targets[name]
        always = target.after_root is AfterRoot.ALWAYS and before in BROKEN
        always = always and (state.plan is None or state.plan.target != root.id.target)
        for instance in state.replicas(name):
            if always or instance.state not in WORKING:
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
        Decided: _decided,
        RemedyActed: _acted,
        PlannedDue: _planned_due,
        PlanCancelled: _plan_cancelled,
        RestartAsked: _restart_asked,
        PauseAsked: _pause_asked,
        ResumeAsked: _resume_asked,
        RecoverAsked: _recover_asked,
        Tick: _ticked,
    }
)
