"""One step of the loop, pure: reduce the event, then decide and reduce each decision.

Instances are decided on one at a time, each on the state after the last decision: so
two remedies never begin together.
"""

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.core.incidents.acknowledgement_messages import acknowledgement_messages
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
)
from sidecar.core.model.update import Update
from sidecar.core.policy.decide import decide
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.status.maintenance_windows import stack_window_end_wall
from sidecar.core.status.presumed_dependencies import (
    failing_since_mono,
    presumed_dependencies,
)
from sidecar.core.step.reducer import is_unaffected_by_time, reduce_event


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
        touched.update(dict.fromkeys(_changed_instances(before, state)))
    return _with_messages(
        StepResult(
            event,
            tuple(transitions),
            tuple(decisions),
            tuple(touched),
            state,
            task_runs=reduced.task_runs,
        )
    )


def _changed_instances(before: State, after: State) -> tuple[InstanceId, ...]:
    """Ids of the instances that the step has changed."""
    return tuple(
        instance_id
        for instance_id, instance in after.instances.items()
        if before.instances.get(instance_id) is not instance
    )


def _with_messages(result: StepResult) -> StepResult:
    """Add the messages that are due by the step and by time."""
    is_news = result.transitions or result.decisions or result.task_runs
    if not (is_news or isinstance(result.event, Tick)):
        return result
    at = result.event.at
    settings = result.state.notify
    state, of_transitions = transition_messages(
        result.state, result.transitions, settings, at
    )
    state, of_acks = acknowledgement_messages(state, result.transitions, settings, at)
    state, of_time, incident_kinds = due_messages(state, settings, at)
    state, of_newcomers = new_channel_messages(state, settings, at)
    state, of_loops = crash_loop_messages(state, result.touched, settings, at)
    state, of_tasks = task_messages(state, result.task_runs, settings, at)
    state, of_sidecar = _messages_about_sidecar(state, settings, at)
    state, of_forecasts = forecast_messages(state, settings, at)
    steps = tuple(
        _incident_change(state, incident, kind, at)
        for incident, kind in incident_kinds
        if kind in _INCIDENT_STEPS
    )
    return result._replace(
        state=state,
        transitions=(*result.transitions, *steps),
        messages=(
            *of_transitions,
            *of_acks,
            *of_time,
            *of_newcomers,
            *of_loops,
            *of_sidecar,
            *of_forecasts,
            *of_tasks,
            *page_messages(state, result.decisions, settings, at),
            *skipped_restart_messages(state, result.decisions, settings, at),
            *balance_messages(state, result.transitions, settings, at),
        ),
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
        candidates = list(state.instances)
    ids = [
        instance_id for instance_id in candidates if _needs_decision(state, instance_id)
    ]
    return sorted(ids, key=lambda w: _decision_order(state, w))


def _decision_order(
    state: State, instance_id: InstanceId
) -> tuple[int, bool, bool, float, InstanceId]:
    """Sort key: depth, declared in settings, wallet daemon, time of first failure."""
    target = state.targets[instance_id.target]
    depth = len(state.topology.upstreams.get(instance_id.target, ()))
    since = failing_since_mono(state.instances[instance_id])
    return depth, not target.declared, target.wallet is None, since, instance_id


def _neighbours(state: State, instance_id: InstanceId) -> list[InstanceId]:
    names = (instance_id.target, *state.topology.dependents.get(instance_id.target, ()))
    return [i.id for name in names for i in state.replicas(name)]


def _needs_decision(state: State, instance_id: InstanceId) -> bool:
    instance = state.instances.get(instance_id)
    if instance is None:
        return False
    planned = instance_id.target in state.due or (
        state.plan is not None and instance_id in state.plan.remaining_ids
    )
    return planned or not is_unaffected_by_time(instance)


def operator_decision(decisions: tuple[Decision, ...]) -> Decision | None:
    """The decision about an operator's request, where one was made."""
    operator_decisions = (d for d in decisions if d.trigger is Trigger.OPERATOR)
    return next(operator_decisions, None)
