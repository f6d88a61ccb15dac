"""Messages about incidents: what failed, was given up, is due or was resolved."""

from collections.abc import Iterable

from sidecar.core.incidents.escalation import next_escalation, raise_to_p0
from sidecar.core.incidents.incident_facts import (
    facts_of,
    facts_of_subject,
)
from sidecar.core.incidents.incident_subject import (
    assess_urgency,
    find_subject,
    present_cause,
    reported_names,
    root_instance,
)
from sidecar.core.incidents.routing import messages_about
from sidecar.core.model.cause import Cause
from sidecar.core.model.completed_remedy import add_completed_remedy, summarize_remedy
from sidecar.core.model.decision import Action
from sidecar.core.model.incident import Incident
from sidecar.core.model.lane import LaneName
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.model.target import InstanceId
from sidecar.core.model.target_state import TargetState
from sidecar.core.model.transition import (
    BalanceCompared,
    IncidentChanged,
    IncidentStep,
    RemedyEnded,
    RemedyOutcome,
    StateChanged,
    Transition,
)
from sidecar.core.model.update import replace_incident, replace_instances
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.status import crash_loop, current_drill
from sidecar.core.status.maintenance_windows import is_silenced


def transition_messages(
    state: State,
    transitions: Iterable[Transition],
    settings: NotifySettings,
    at: Moment,
) -> tuple[State, tuple[Message, ...]]:
    """Messages about what failed, was given up or was resolved.

    Call it before ``due_messages``. A dependent's failure is told only once its root
    works. Before the opening was told, and while the root is paused or in a maintenance
    window, only the resolve is told; nothing at all of an incident that a drill caused
    and holds.
    """
    messages: list[Message] = []
    for transition in transitions:
        incident = state.incidents.get(transition.incident or "")
        if incident is None:
            continue
        kind = _kind_of(state, transition)
        if isinstance(transition, RemedyEnded):
            is_load = transition.action is Action.LOAD_WALLET
            if is_load and incident.loads and kind is MessageKind.ACTION_FAILED:
                # Loads are tried every minute: that they go on failing is no news.
                kind = None
            loads, remedies = incident.loads + is_load, incident.remedies + 1
            deeds = add_completed_remedy(incident.deeds, summarize_remedy(transition))
            incident = replace(incident, remedies=remedies, loads=loads, deeds=deeds)
        if kind is not None and _is_reported(state, incident, transition, kind, at):
            if kind is MessageKind.DEAD_LETTER:
                incident = raise_to_p0(incident, at)
            incident, new_messages = _messages_about(
                state, incident, kind, settings, at
            )
            messages.extend(new_messages)
        state = replace_incident(state, incident)
    return state, tuple(messages)


def due_messages(
    state: State, incident_ids: Iterable[str], settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...], tuple[tuple[str, MessageKind], ...]]:
    """Messages that are due for those incidents that are open, the opening included.

    The last value has the id of each such incident and the kind of its message.
    """
    messages: list[Message] = []
    steps: list[tuple[str, MessageKind]] = []
    for incident_id in incident_ids:
        before = state.incidents[incident_id]
        if not before.open:
            continue
        if _is_silenced(state, before, at):
            state = _count_held(state, before, settings, at)
            continue
        urgency = assess_urgency(state, before, at)
        incident, kind = next_escalation(before, urgency, settings.escalation, at)
        if kind is None:
            continue
        steps.append((incident.id, kind))
        incident, new_messages = _messages_about(
            state, incident, kind, settings, at, before.acked_at
        )
        state = replace_incident(state, incident)
        messages.extend(new_messages)
    return state, tuple(messages), tuple(steps)


def crash_loop_messages(
    state: State,
    touched: Iterable[InstanceId],
    settings: NotifySettings,
    at: Moment,
) -> tuple[State, tuple[Message, ...]]:
    """Messages about crash loops, once their log is known or cannot be read.

    Call it after ``due_messages``: an incident's opening is told first.
    """
    messages: list[Message] = []
    for instance_id in touched:
        instance = state.instances.get(instance_id)
        if instance is None or not crash_loop.should_notify(instance, at):
            continue
        incident = state.incidents.get(instance.incident or "")
        if incident is None or not _is_target_reported(
            state, incident, instance.name, at
        ):
            continue
        base_facts = facts_of(state, incident, at)
        base_facts |= facts_of_subject(state, instance, at)
        facts, kind = (
            crash_loop.add_log_facts(instance, base_facts),
            MessageKind.CRASH_LOOP,
        )
        if instance.name == incident.target:
            incident = replace(incident, told_cause=Cause.CRASH_LOOP)
        incident, new_messages = messages_about(incident, kind, facts, settings, at)
        messages.extend(new_messages)
        state = replace_incident(state, incident)
        state = replace_instances(state, crash_loop.mark_notified(instance))
    return state, tuple(messages)


def _messages_about(
    state: State,
    incident: Incident,
    kind: MessageKind,
    settings: NotifySettings,
    at: Moment,
    acked_at: Moment | None = None,
) -> tuple[Incident, tuple[Message, ...]]:
    """``acked_at``: time of an acknowledgement that may no longer be valid."""
    facts = facts_of(state, incident, at)
    if acked_at is not None:
        facts["acked_at_wall"] = f"{acked_at.wall:.3f}"
    updated = replace(
        incident,
        told_cause=present_cause(incident, find_subject(state, incident)),
        told_severity=incident.severity,
    )
    return messages_about(updated, kind, facts, settings, at)


_ENDED_BY_OPERATOR = frozenset({R.ENDED_BY_RECOVER, R.ENDED_BY_RELEASE})
"""The remedy did not fail: an operator ended its verification."""


def _kind_of(state: State, transition: Transition) -> MessageKind | None:
    if isinstance(transition, RemedyEnded):
        helped = transition.outcome is RemedyOutcome.RECOVERED
        is_ended_by_operator = transition.reason.code in _ENDED_BY_OPERATOR
        if helped or is_ended_by_operator or _is_reported_elsewhere(state, transition):
            return None
        return MessageKind.ACTION_FAILED
    if isinstance(transition, StateChanged):
        gave_up = transition.new is TargetState.DEAD_LETTER
        return MessageKind.DEAD_LETTER if gave_up else None
    if isinstance(transition, BalanceCompared):
        return None
    resolved = transition.step is IncidentStep.RESOLVED
    return MessageKind.RESOLVED if resolved else None


def _is_reported_elsewhere(state: State, ended: RemedyEnded) -> bool:
    """Was it the last try, told with the dead letter, or a load in a crash loop?

    A remedy that could not be verified because our own network is lost did not fail.
    """
    instance = state.instances.get(ended.instance)
    if instance is None:
        return False
    loads = ended.action is Action.LOAD_WALLET
    given_up = instance.lane.name is LaneName.DEAD_LETTER
    unknown = instance.health.is_blind
    return given_up or unknown or (loads and instance.looping)


def _is_reported(
    state: State,
    incident: Incident,
    transition: Transition,
    kind: MessageKind,
    at: Moment,
) -> bool:
    if kind is MessageKind.RESOLVED:
        return not incident.drill or incident.told_wall is not None
    name = (
        transition.target
        if isinstance(transition, IncidentChanged)
        else transition.name
    )
    return _is_target_reported(state, incident, name, at)


def _is_target_reported(
    state: State, incident: Incident, name: str, at: Moment
) -> bool:
    """Are people told of what happens to ``name`` in this incident now?"""
    if not incident.open or incident.told_wall is None:
        return False
    root = root_instance(state, incident)
    is_silenced = _is_silenced(state, incident, at)
    return not is_silenced and name in reported_names(root, incident)


def _is_silenced(state: State, incident: Incident, at: Moment) -> bool:
    root = root_instance(state, incident)
    if root is not None and is_silenced(state, root.id.target, at.wall):
        return True
    return current_drill.is_held(state, incident, at)


def _count_held(
    state: State, incident: Incident, settings: NotifySettings, at: Moment
) -> State:
    """Count the messages about the opening of an incident that a drill holds now."""
    if incident.opened_at != at or not current_drill.is_held(state, incident, at):
        return state
    _, messages = messages_about(incident, MessageKind.OPENED, {}, settings, at)
    return current_drill.count_held(state, len(messages))
