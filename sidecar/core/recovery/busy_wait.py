"""Waits of restarts for busy targets: whom to ask, until when, and with what result.

A planned restart asks the target and its dependents, whose work it would interrupt. A
restart of the slow lane asks the target alone: its dependents do without it already.
A replica that is drained is asked during its drain instead.
"""

from collections.abc import Iterable, Iterator
from types import MappingProxyType

from sidecar.core.model.busy_wait import BusyAnswer, BusyVerdict, BusyWait
from sidecar.core.model.decision import Action, Decision, Trigger
from sidecar.core.model.event import BusyAnswered
from sidecar.core.model.guard import Guard
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import LaneName
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.update import Update, no_update
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status import container_run, replicas
from sidecar.core.status.streaks import is_gone

FRESH_S = 20.0
"""Age up to which "free" is true: it is asked every 5 s, and may take 5 s to answer."""
_ENDING_ACTIONS = frozenset(
    {Action.RESTART, Action.RECREATE, Action.START, Action.SKIP}
)
_BEGIN_S = 60.0
"""Time for a planned restart to begin once its wait is over."""


def instances_to_ask(
    state: State, instance: Instance, trigger: Trigger
) -> Iterator[Instance]:
    """The instances that a restart of ``instance`` asks whether they are busy."""
    if trigger is Trigger.PLANNED:
        dependents = state.dependents(instance.id.target)
        asked = (
            dependents
            if replicas.may_be_drained(state, instance)
            else (instance, *dependents)
        )
        yield from (i for i in asked if _can_be_asked(state, i))
    elif trigger.is_automatic and instance.lane.name is LaneName.SLOW:
        is_dead = is_gone(instance.health) or instance.health.frozen
        if not is_dead and _can_be_asked(state, instance):
            yield instance


def _can_be_asked(state: State, instance: Instance) -> bool:
    settings = state.target_of(instance).busy
    if settings is None or settings.max_wait_s <= 0:
        return False
    return container_run.is_running(instance)


def find_wait(state: State, instance: Instance) -> BusyWait | None:
    """The wait for the current run of an instance; None: it was not asked."""
    wait = state.busy_waits.get(instance.id)
    container = instance.container
    if wait is None or container is None or wait.run != container.run:
        return None
    return wait


def wait_left_s(state: State, instance: Instance, at: Moment) -> float:
    """Seconds for which a restart waits for this instance at most, from now on."""
    settings, wait = state.target_of(instance).busy, find_wait(state, instance)
    if settings is None:
        return 0.0
    if instance.remedy is not None and replicas.is_drained(instance):
        return instance.remedy.deadline_mono - at.mono
    waited_s = at.mono - wait.since_mono if wait is not None else 0.0
    return settings.max_wait_s - waited_s


def is_free(wait: BusyWait, at: Moment) -> bool:
    """Has the instance just answered that it is free?"""
    answer = wait.answer
    if answer is None or answer.verdict is not BusyVerdict.FREE:
        return False
    return at.mono - wait.answered_mono <= FRESH_S


def is_unasked(state: State, instance: Instance, trigger: Trigger) -> bool:
    """Is there an instance that the restart has to ask, and has not asked?"""
    asked = instances_to_ask(state, instance, trigger)
    return any(find_wait(state, i) is None for i in asked)


def plan_deadline_mono(state: State, instance: Instance, deadline_mono: float) -> float:
    """The time until which a planned restart may begin: later while it asks."""
    for asked in instances_to_ask(state, instance, Trigger.PLANNED):
        settings, wait = state.target_of(asked).busy, find_wait(state, asked)
        if settings is not None and wait is not None:
            until_mono = wait.since_mono + settings.max_wait_s + _BEGIN_S
            deadline_mono = max(deadline_mono, until_mono)
    return deadline_mono


def describe_wait(
    state: State, instance: Instance, trigger: Trigger, why: Reason, at: Moment
) -> Reason:
    """The reason of a restart, with the result of its wait for busy instances."""
    for asked in instances_to_ask(state, instance, trigger):
        wait = find_wait(state, asked)
        if wait is not None:
            why = describe_result(wait, asked.name, why, at.mono - wait.since_mono)
    return why


def describe_result(wait: BusyWait, name: str, why: Reason, wait_s: float) -> Reason:
    """The reason of a restart that waited ``wait_s`` for this instance."""
    no_answer = BusyAnswer(
        BusyVerdict.UNCLEAR, Reason.of(R.NO_ANSWER_SO_FAR, seconds=wait_s)
    )
    verdict, answer_reason = wait.answer or no_answer
    if verdict is BusyVerdict.BUSY:
        return Reason.of(
            R.STILL_BUSY, why=why, root=name, wait_s=wait_s, reason=answer_reason
        )
    if verdict is BusyVerdict.UNCLEAR:
        return Reason.of(
            R.COUNTS_AS_FREE, why=why, root=name, wait_s=wait_s, reason=answer_reason
        )
    if not wait.has_waited:
        return why
    return Reason.of(R.FREE_NOW, why=why, root=name, wait_s=wait_s)


def advance_waits(state: State, decision: Decision, at: Moment) -> State:
    """Begin the waits that a decision asks for; end those of a restart that begins."""
    instance = state.instances[decision.instance]
    if decision.guard is Guard.BUSY:
        asked = instances_to_ask(state, instance, decision.trigger)
        return _begin_waits(state, asked, at)
    if decision.action is Action.DRAIN and _can_be_asked(state, instance):
        return _begin_waits(state, (instance,), at)
    if decision.action in _ENDING_ACTIONS or decision.drained:
        return end_waits(state, instance.id.target)
    return state


def _begin_waits(state: State, to_ask: Iterable[Instance], at: Moment) -> State:
    waits = {i: w for i, w in state.busy_waits.items() if i in state.instances}
    for asked in to_ask:
        container = asked.container
        if container is not None and find_wait(state, asked) is None:
            waits[asked.id] = BusyWait(container.run, at.mono)
    return replace(state, busy_waits=MappingProxyType(waits))


def end_waits(state: State, target: str) -> State:
    """End the waits for the instances of a target and of its dependents."""
    if not state.busy_waits:
        return state
    names = {target, *state.topology.dependents.get(target, ())}
    waits = {i: w for i, w in state.busy_waits.items() if i.target not in names}
    return replace(state, busy_waits=MappingProxyType(waits))


def on_busy_answered(state: State, event: BusyAnswered) -> Update:
    """Note an answer; one of another run, or that nobody waits for, is ignored."""
    instance = state.instances.get(event.instance)
    wait = find_wait(state, instance) if instance is not None else None
    if wait is None or wait.run != event.run:
        return no_update(state)
    is_busy = event.answer.verdict is not BusyVerdict.FREE
    answered = replace(
        wait,
        answer=event.answer,
        answered_mono=event.at.mono,
        has_waited=wait.has_waited or is_busy,
    )
    waits = {**state.busy_waits, event.instance: answered}
    after = replace(state, busy_waits=MappingProxyType(waits))
    return Update(after, (), (event.instance,))


def instances_being_asked(state: State, at: Moment) -> tuple[InstanceId, ...]:
    """The instances to ask now, and again until their wait ends."""
    return tuple(
        instance_id
        for instance_id in state.busy_waits
        if (instance := state.instances.get(instance_id)) is not None
        and find_wait(state, instance) is not None
        and wait_left_s(state, instance, at) > 0
    )
