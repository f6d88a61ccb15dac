"""One turn of the loop, pure: fold the event, then decide, each decision folded in.

Deciding one instance at a time on the state that the last decision left is what
keeps two remedies from ever beginning together.
"""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from sidecar.core.decision import Action, Decision, Guard, Trigger
from sidecar.core.event import Decided, Event, ProbeDone, Tick
from sidecar.core.fold import fold, is_quiet
from sidecar.core.folded import Folded
from sidecar.core.judge import WORKING
from sidecar.core.moment import Moment
from sidecar.core.newcomers import tell_newcomers
from sidecar.core.own_network_notice import tell_own_network
from sidecar.core.policy import decide
from sidecar.core.precedence import (
    failed_mono,
    presumed_dependents,
    presumed_roots,
)
from sidecar.core.record import Message, MessageKind
from sidecar.core.run import is_running
from sidecar.core.settings_notice import tell_settings
from sidecar.core.skip_notice import skip_notices
from sidecar.core.state import Instance, Phase, State
from sidecar.core.target import InstanceId
from sidecar.core.telling import (
    balance_notices,
    notices,
    tell_doubt,
    tell_engine,
    tell_loops,
    tell_time,
    tell_transitions,
)
from sidecar.core.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    Transition,
)

UNHURRIED = 3.0
"""Times the interval, while a person is waited for."""


class Turn(NamedTuple):
    """What one event led to."""

    state: State
    transitions: tuple[Transition, ...]
    decisions: tuple[Decision, ...]
    touched: tuple[InstanceId, ...]
    messages: tuple[Message, ...] = ()


def turn(state: State, event: Event) -> Turn:
    """Work in an event and decide about everyone whom it may concern."""
    before = state
    folded = fold(state, event)
    state = folded.state
    transitions = list(folded.transitions)
    touched = dict.fromkeys((*folded.touched, *_waited_for(state, event)))
    decisions: list[Decision] = []
    for who in _concerned(event, folded):
        decision = decide(state, who, event.at)
        if decision is None:
            continue
        noted = fold(state, Decided(event.at, decision))
        state = noted.state
        decisions.append(decision)
        transitions.extend(noted.transitions)
        touched.update(dict.fromkeys(noted.touched))
    if transitions:
        touched.update(dict.fromkeys(_changed(before, state)))
    done = Turn(state, tuple(transitions), tuple(decisions), tuple(touched))
    return _told(done, event)


def _changed(before: State, after: State) -> tuple[InstanceId, ...]:
    """Whom a transition changed beside those that the event was about."""
    return tuple(
        who
        for who, instance in after.instances.items()
        if before.instances.get(who) is not instance
    )


def _told(done: Turn, event: Event) -> Turn:
    """With the messages to people that the turn and the time give rise to."""
    if not (done.transitions or done.decisions or isinstance(event, Tick)):
        return done
    at = event.at
    settings = done.state.notify
    state, of_turn = tell_transitions(done.state, done.transitions, settings, at)
    state, of_time, came_to = tell_time(state, settings, at)
    state, of_newcomers = tell_newcomers(state, settings, at)
    state, of_loops = tell_loops(state, done.touched, settings, at)
    state, of_engine = tell_engine(state, settings, at)
    state, of_network = tell_own_network(state, settings, at)
    state, of_settings = tell_settings(state, settings, at)
    state, of_doubt = tell_doubt(state, settings, at)
    steps = tuple(
        _step(state, incident, kind, at) for incident, kind in came_to if kind in _STEPS
    )
    return done._replace(
        state=state,
        transitions=(*done.transitions, *steps),
        messages=(
            *of_turn,
            *of_time,
            *of_newcomers,
            *of_loops,
            *of_engine,
            *of_network,
            *of_settings,
            *of_doubt,
            *notices(state, done.decisions, settings, at),
            *skip_notices(state, done.decisions, settings, at),
            *balance_notices(state, done.transitions, settings, at),
        ),
    )


_STEPS: Mapping[MessageKind, tuple[IncidentStep, str]] = MappingProxyType(
    {
        MessageKind.RAISED: (IncidentStep.RAISED, "it lasts; now"),
        MessageKind.ESCALATED: (IncidentStep.ESCALATED, "nobody answered yet;"),
        MessageKind.REMINDER: (IncidentStep.REMINDED, "it still goes on;"),
        MessageKind.REOPENED: (IncidentStep.REOPENED, "its answer seems forgotten;"),
    }
)


def _step(state: State, which: str, kind: MessageKind, at: Moment) -> IncidentChanged:
    incident = state.incidents[which]
    step, why = _STEPS[kind]
    reason = f"{why} {incident.severity}"
    return IncidentChanged(at, which, step, incident.target, reason)


def _waited_for(state: State, event: Event) -> tuple[InstanceId, ...]:
    """Roots whose answer a failing dependent needs: they are asked sooner now."""
    if not isinstance(event, ProbeDone):
        return ()
    instance = state.instances.get(event.instance)
    if instance is None or not instance.health.failures:
        return ()
    name = event.instance.target
    roots = state.topology.upstreams.get(name, ())
    known = (i.id for root in roots for i in state.replicas(root))
    return (*known, *(i.id for i in presumed_roots(state, name)))


def _concerned(event: Event, folded: Folded) -> list[InstanceId]:
    """Roots before dependents, so that a root is always decided on first.

    A probe concerns its neighbours alone, unless it ended a remedy for which
    others were waiting.
    """
    state = folded.state
    ended = any(isinstance(t, RemedyEnded) for t in folded.transitions)
    if isinstance(event, ProbeDone) and not ended:
        candidates = _near(state, event.instance)
    else:
        candidates = list(state.instances)
    restless = [who for who in candidates if _restless(state, who)]
    return sorted(restless, key=lambda w: _turn_of(state, w))


def _turn_of(
    state: State, who: InstanceId
) -> tuple[int, bool, bool, float, InstanceId]:
    """Among equals what the settings declare comes before what labels made.

    Then a wallet daemon comes before others, and then who failed first.
    """
    target = state.targets[who.target]
    depth = len(state.topology.upstreams.get(who.target, ()))
    since = failed_mono(state.instances[who])
    return depth, not target.declared, target.wallet is None, since, who


def _near(state: State, who: InstanceId) -> list[InstanceId]:
    names = (who.target, *state.topology.dependents.get(who.target, ()))
    return [i.id for name in names for i in state.replicas(name)]


def _restless(state: State, who: InstanceId) -> bool:
    instance = state.instances.get(who)
    if instance is None:
        return False
    planned = who.target in state.due or (
        state.plan is not None and who in state.plan.left
    )
    return planned or not is_quiet(instance)


def pace_s(state: State, instance: Instance) -> float | None:
    """Seconds between probes; None while there is nothing to probe.

    Fast while a verdict is pending, and while a dependent's trouble waits for a
    fresh answer of this one; unhurried once a cause is known that only a person
    can cure: every probe costs the daemon something, and a wrong password 50 ms.
    """
    from_settings = state.target_of(instance).cadence
    if not _probed(instance):
        return None
    if _is_awaited(state, instance) or not _settled(instance):
        return from_settings.fast_interval_s
    if instance.state in WORKING:
        return from_settings.interval_s
    return from_settings.interval_s * UNHURRIED


def _probed(instance: Instance) -> bool:
    if not is_running(instance):
        return False
    return instance.remedy is None or instance.remedy.phase is not Phase.ACTING


def _settled(instance: Instance) -> bool:
    if instance.state in WORKING:
        return instance.settling is None
    last = instance.last_decision
    if last is None or instance.remedy is not None or instance.health.successes:
        return False
    # What was decided on an earlier state says nothing of this one.
    beyond_us = last.action is Action.PAGE or last.guard is Guard.NOT_CURABLE
    return beyond_us and last.at.mono >= instance.since.mono


def _is_awaited(state: State, instance: Instance) -> bool:
    """Does a dependent fail since before the last good answer, and is one likely?"""
    answered = instance.health.last_success_mono
    if instance.health.failures or answered is None:
        return False
    names = state.topology.dependents.get(instance.id.target, ())
    known = (i for name in names for i in state.replicas(name))
    for dependent in chain(known, presumed_dependents(state, instance.id.target)):
        first = dependent.health.first_failure_mono
        if first is not None and answered < first:
            return True
    return False


def answer_to(decisions: tuple[Decision, ...]) -> Decision | None:
    """The decision about an operator's wish, where one was made."""
    asked = (d for d in decisions if d.trigger is Trigger.OPERATOR)
    return next(asked, None)
