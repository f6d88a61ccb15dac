"""Channels and hooks that are added to the settings while an incident is open."""

from collections.abc import Iterable

from sidecar.core.incidents.escalation import reached_channels
from sidecar.core.incidents.incident_facts import facts_of
from sidecar.core.incidents.incident_subject import root_instance
from sidecar.core.incidents.routing import hooks_for, messages_to
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.state import State
from sidecar.core.model.update import replace_incident
from sidecar.core.status.maintenance_windows import is_silenced


def new_channel_messages(
    state: State, incident_ids: Iterable[str], settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell each new channel once of those incidents that are open.

    Then it receives all messages. Call it after ``due_messages``. Other channels are
    not told again, and escalation is not delayed. No message is made before the first
    list of containers: the status is not known yet.
    """
    if state.restored_instances:
        return state, ()
    messages: list[Message] = []
    for incident_id in incident_ids:
        incident = state.incidents[incident_id]
        new_names = _new_names(state, incident, settings, at)
        if new_names:
            facts = facts_of(state, incident, at)
            updated, new_messages = messages_to(
                incident, new_names, MessageKind.OPENED, facts, at
            )
            messages.extend(new_messages)
            state = replace_incident(state, updated)
    return state, tuple(messages)


def _new_names(
    state: State, incident: Incident, settings: NotifySettings, at: Moment
) -> tuple[str, ...]:
    if not incident.open or incident.told_wall is None:
        return ()
    root = root_instance(state, incident)
    if root is not None and is_silenced(state, root.id.target, at.wall):
        return ()
    channels = (
        n for n in reached_channels(incident, settings.routes) if n not in incident.told
    )
    return (*channels, *hooks_for(incident, MessageKind.OPENED, settings))
