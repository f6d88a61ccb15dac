"""One step of the loop, pure: reduce the event, then decide and reduce each decision.

Deciding one instance at a time on the state that the last decision left is what
keeps two remedies from ever beginning together.
"""

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.core.incidents.new_channels import new_channel_messages
from sidecar.core.incidents.notifications import (
    crash_loop_messages,
    due_messages,
    transition_messages,
)
from sidecar.core.incidents.own_network_messages import own_network_messages
from sidecar.core.incidents.settings_messages import settings_messages
from sidecar.core.incidents.skipped_restart_messages import skipped_restart_messages
from sidecar.core.incidents.system_messages import (
    balance_messages,
    engine_messages,
    page_messages,
    store_lost_messages,
)
from sidecar.core.model.decision import Decision, Trigger
from sidecar.core.model.event import DecisionMade, Event, ProbeCompleted, Tick
from sidecar.core.model.message import MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
)
from sidecar.core.model.update import Update
from sidecar.core.policy.decide import decide
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.presumed_dependencies import (
    failing_since_mono,
    presumed_dependencies,
)
from sidecar.core.step.reducer import is_idle, reduce_event


def run_step(state: State, event: Event) -> StepResult:
    """Work in an event and decide about everyone whom it may concern."""
    before = state
    folded = reduce_event(state, event)
    state = folded.state
    transitions = list(folded.transitions)
    touched = dict.fromkeys((*folded.touched, *_dependencies_to_probe(state, event)))
    decisions: list[Decision] = []
    for who in _instances_to_decide(event, folded):
        decision = decide(state, who, event.at)
        if decision is None:
            continue
        noted = reduce_event(state, DecisionMade(event.at, decision))
        state = noted.state
        decisions.append(decision)
        transitions.extend(noted.transitions)
        touched.update(dict.fromkeys(noted.touched))
    if transitions:
        touched.update(dict.fromkeys(_changed_instances(before, state)))
    return _with_messages(
        StepResult(event, tuple(transitions), tuple(decisions), tuple(touched), state)
    )


def _changed_instances(before: State, after: State) -> tuple[InstanceId, ...]:
    """Whom a transition changed beside those that the event was about."""
    return tuple(
        who
        for who, instance in after.instances.items()
        if before.instances.get(who) is not instance
    )


def _with_messages(done: StepResult) -> StepResult:
    """Add the messages to people that the step and the time give rise to."""
    if not (done.transitions or done.decisions or isinstance(done.event, Tick)):
        return done
    at = done.event.at
    settings = done.state.notify
    state, of_turn = transition_messages(done.state, done.transitions, settings, at)
    state, of_time, came_to = due_messages(state, settings, at)
    state, of_newcomers = new_channel_messages(state, settings, at)
    state, of_loops = crash_loop_messages(state, done.touched, settings, at)
    state, of_engine = engine_messages(state, settings, at)
    state, of_network = own_network_messages(state, settings, at)
    state, of_settings = settings_messages(state, settings, at)
    state, of_doubt = store_lost_messages(state, settings, at)
    steps = tuple(
        _incident_change(state, incident, kind, at)
        for incident, kind in came_to
        if kind in _INCIDENT_STEPS
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
            *page_messages(state, done.decisions, settings, at),
            *skipped_restart_messages(state, done.decisions, settings, at),
            *balance_messages(state, done.transitions, settings, at),
        ),
    )


_INCIDENT_STEPS: Mapping[MessageKind, tuple[IncidentStep, R]] = MappingProxyType(
    {
        MessageKind.RAISED: (IncidentStep.RAISED, R.INCIDENT_RAISED),
        MessageKind.ESCALATED: (IncidentStep.ESCALATED, R.INCIDENT_ESCALATED),
        MessageKind.REMINDER: (IncidentStep.REMINDED, R.INCIDENT_REMINDED),
        MessageKind.REOPENED: (IncidentStep.REOPENED, R.INCIDENT_REOPENED),
    }
)


def _incident_change(
    state: State, incident_id: str, kind: MessageKind, at: Moment
) -> IncidentChanged:
    incident = state.incidents[incident_id]
    step, code = _INCIDENT_STEPS[kind]
    reason = Reason.of(code, severity=incident.severity)
    return IncidentChanged(at, incident_id, step, incident.target, reason)


def _dependencies_to_probe(state: State, event: Event) -> tuple[InstanceId, ...]:
    """Roots whose answer a failing dependent needs: they are asked sooner now."""
    if not isinstance(event, ProbeCompleted):
        return ()
    instance = state.instances.get(event.instance)
    if instance is None or not instance.health.failures:
        return ()
    name = event.instance.target
    roots = state.topology.upstreams.get(name, ())
    known = (i.id for root in roots for i in state.replicas(root))
    return (*known, *(i.id for i in presumed_dependencies(state, name)))


def _instances_to_decide(event: Event, folded: Update) -> list[InstanceId]:
    """Roots before dependents, so that a root is always decided on first.

    A probe concerns its neighbours alone, unless it ended a remedy for which
    others were waiting.
    """
    state = folded.state
    ended = any(isinstance(t, RemedyEnded) for t in folded.transitions)
    if isinstance(event, ProbeCompleted) and not ended:
        candidates = _neighbours(state, event.instance)
    else:
        candidates = list(state.instances)
    restless = [who for who in candidates if _needs_decision(state, who)]
    return sorted(restless, key=lambda w: _decision_order(state, w))


def _decision_order(
    state: State, who: InstanceId
) -> tuple[int, bool, bool, float, InstanceId]:
    """Among equals what the settings declare comes before what labels made.

    Then a wallet daemon comes before others, and then who failed first.
    """
    target = state.targets[who.target]
    depth = len(state.topology.upstreams.get(who.target, ()))
    since = failing_since_mono(state.instances[who])
    return depth, not target.declared, target.wallet is None, since, who


def _neighbours(state: State, who: InstanceId) -> list[InstanceId]:
    names = (who.target, *state.topology.dependents.get(who.target, ()))
    return [i.id for name in names for i in state.replicas(name)]


def _needs_decision(state: State, who: InstanceId) -> bool:
    instance = state.instances.get(who)
    if instance is None:
        return False
    planned = who.target in state.due or (
        state.plan is not None and who in state.plan.left
    )
    return planned or not is_idle(instance)


def operator_decision(decisions: tuple[Decision, ...]) -> Decision | None:
    """The decision about an operator's wish, where one was made."""
    asked = (d for d in decisions if d.trigger is Trigger.OPERATOR)
    return next(asked, None)
