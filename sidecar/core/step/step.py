"""One step of the loop, pure: reduce the event, then decide and reduce each decision.

Instances are decided on one at a time, each on the state after the last decision: so
two remedies never begin together.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from types import MappingProxyType

from sidecar.core.incidents.acknowledgement_messages import acknowledgement_messages
from sidecar.core.incidents.drill_messages import drill_messages
from sidecar.core.incidents.forecast_messages import forecast_messages
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
from sidecar.core.incidents.task_messages import task_messages
from sidecar.core.model.decision import Decision, Trigger
from sidecar.core.model.event import DecisionMade, Event, ProbeCompleted, Tick
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.state import State
from sidecar.core.model.step_result import StepResult
from sidecar.core.model.target import InstanceId
from sidecar.core.model.transition import (
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    Transition,
)
from sidecar.core.model.update import Update, no_update
from sidecar.core.policy.decide import decide
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.current_drill import count_sent
from sidecar.core.status.maintenance_windows import stack_window_end_wall
from sidecar.core.status.presumed_dependencies import (
    presumed_dependencies,
)
from sidecar.core.step.reducer import reduce_event
from sidecar.core.step.turns import decision_order, take_incidents, unsettled_ids


def run_step(state: State, event: Event) -> StepResult:
    """Work in an event, and decide on every instance that it may concern."""
    before = state
    reduced = reduce_event(state, event)
    state = reduced.state
    transitions = list(reduced.transitions)
    touched = dict.fromkeys((*reduced.touched, *_dependencies_to_probe(state, event)))
    decisions: list[Decision] = []
    for instance_id in _instances_to_decide(event, reduced):
        decision = decide(state, instance_id, event.at)
        if decision is None:
            continue
        after_decision = reduce_event(state, DecisionMade(event.at, decision))
        state = after_decision.state
        decisions.append(decision)
        transitions.extend(after_decision.transitions)
        touched.update(dict.fromkeys(after_decision.touched))
    if transitions:
        touched.update(dict.fromkeys(state.instances.changed_since(before.instances)))
    watched = _watch_drill(state, transitions, decisions, event.at)
    touched.update(dict.fromkeys(watched.touched))
    return _with_messages(
        StepResult(
            event,
            tuple(transitions),
            tuple(decisions),
            tuple(touched),
            watched.state,
            task_runs=reduced.task_runs,
            drill_records=(*reduced.drill_records, *watched.drill_records),
        )
    )


def _watch_drill(
    state: State, transitions: list[Transition], decisions: list[Decision], at: Moment
) -> Update:
    if state.drill is None:
        return no_update(state)
    from sidecar.core.drills.watching import watch_drill  # noqa: PLC0415 - rarely used

    return watch_drill(state, transitions, decisions, at)


def _with_messages(result: StepResult) -> StepResult:
    """Add the messages that are due by the step and by time."""
    is_news = (
        result.transitions
        or result.decisions
        or result.task_runs
        or result.drill_records
    )
    if not (is_news or isinstance(result.event, Tick)):
        return result
    at = result.event.at
    settings = result.state.notify
    state, incident_ids = take_incidents(result)
    state, of_transitions = transition_messages(state, result.transitions, settings, at)
    state, of_acks = acknowledgement_messages(state, result.transitions, settings, at)
    state, of_time, incident_kinds = due_messages(state, incident_ids, settings, at)
    state, of_newcomers = new_channel_messages(state, incident_ids, settings, at)
    state, of_loops = crash_loop_messages(state, result.touched, settings, at)
    state, of_tasks = task_messages(state, result.task_runs, settings, at)
    state, of_drills = drill_messages(state, result.drill_records, settings, at)
    state, of_sidecar = _messages_about_sidecar(state, settings, at)
    state, of_pages = page_messages(state, result.decisions, settings, at)
    state, of_forecasts = forecast_messages(state, settings, at)
    steps = tuple(
        _incident_change(state, incident, kind, at)
        for incident, kind in incident_kinds
        if kind in _INCIDENT_STEPS
    )
    messages = (
        *of_transitions,
        *of_acks,
        *of_time,
        *of_newcomers,
        *of_loops,
        *of_sidecar,
        *of_forecasts,
        *of_tasks,
        *of_drills,
        *of_pages,
        *skipped_restart_messages(state, result.decisions, settings, at),
        *balance_messages(state, result.transitions, settings, at),
    )
    return result._replace(
        state=count_sent(state, messages),
        transitions=(*result.transitions, *steps),
        messages=messages,
    )


def _messages_about_sidecar(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Messages about Sidecar's own means; a window of all targets holds them back."""
    if stack_window_end_wall(state, at.wall) is not None:
        return state, ()
    state, of_engine = engine_messages(state, settings, at)
    state, of_network = own_network_messages(state, settings, at)
    state, of_settings = settings_messages(state, settings, at)
    state, of_doubt = store_lost_messages(state, settings, at)
    return state, (*of_engine, *of_network, *of_settings, *of_doubt)


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
    """Roots whose answer a failing dependent needs: they are probed sooner."""
    if not isinstance(event, ProbeCompleted):
        return ()
    instance = state.instances.get(event.instance)
    if instance is None or not instance.health.failures:
        return ()
    name = event.instance.target
    roots = state.topology.upstreams.get(name, ())
    root_ids = (i.id for root in roots for i in state.replicas(root))
    return (*root_ids, *(i.id for i in presumed_dependencies(state, name)))


def _instances_to_decide(event: Event, update: Update) -> list[InstanceId]:
    """Ids of the instances to decide on, roots before their dependents.

    A probe concerns its own target and the dependents only, unless it ended a remedy
    for which others were waiting.
    """
    state = update.state
    ended = any(isinstance(t, RemedyEnded) for t in update.transitions)
    if isinstance(event, ProbeCompleted) and not ended:
        candidates = _neighbours(state, event.instance)
    else:
        candidates = [
            *_planned_ids(state),
            *unsettled_ids(update),
        ]
    ids = {i for i in candidates if _needs_decision(state, i)}
    return sorted(ids, key=lambda w: decision_order(state, state.instances[w]))


def _neighbours(state: State, instance_id: InstanceId) -> list[InstanceId]:
    target = instance_id.target
    return [i.id for i in chain(state.replicas(target), state.dependents(target))]


def _planned_ids(state: State) -> Iterator[InstanceId]:
    """The instances of planned restarts that are due or under way."""
    for name in state.due:
        yield from (instance.id for instance in state.replicas(name))
    if state.plan is not None:
        yield from state.plan.remaining_ids


def _needs_decision(state: State, instance_id: InstanceId) -> bool:
    instance = state.instances.get(instance_id)
    if instance is None:
        return False
    planned = instance_id.target in state.due or (
        state.plan is not None and instance_id in state.plan.remaining_ids
    )
    return planned or not instance.is_unaffected_by_time


def operator_decision(decisions: tuple[Decision, ...]) -> Decision | None:
    """The decision about an operator's request, where one was made."""
    operator_decisions = (d for d in decisions if d.trigger is Trigger.OPERATOR)
    return next(operator_decisions, None)
