"""Channels and hooks that came into the settings while an incident is open."""

from sidecar.core.incidents.escalation import levels_reached
from sidecar.core.incidents.incident_facts import facts_of
from sidecar.core.incidents.incident_subject import root_instance
from sidecar.core.incidents.routing import hooks_for, messages_to
from sidecar.core.model.incident import Incident
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.state import State
from sidecar.core.model.update import replace_incident


def new_channel_messages(
    state: State, settings: NotifySettings, at: Moment
) -> tuple[State, tuple[Message, ...]]:
    """Tell them once how each open incident stands; from then on they hear of it all.

    Call it after ``tell_time``. Others are not told again, and who is waited for is
    not waited for longer. Nobody is told before the containers have been listed: how
    it stands is not known yet.
    """
    if state.left:
        return state, ()
    made: list[Message] = []
    for incident in state.incidents.values():
        new = _new_names(state, incident, settings)
        if new:
            facts = facts_of(state, incident, at)
            told, to_them = messages_to(incident, new, MessageKind.OPENED, facts, at)
            made.extend(to_them)
            state = replace_incident(state, told)
    return state, tuple(made)


def _new_names(
    state: State, incident: Incident, settings: NotifySettings
) -> tuple[str, ...]:
    if not incident.open or incident.told_wall is None:
        return ()
    root = root_instance(state, incident)
    if root is not None and root.id.target in state.paused:
        return ()
    channels = (
        n for n in levels_reached(incident, settings.routes) if n not in incident.told
    )
    return (*channels, *hooks_for(incident, MessageKind.OPENED, settings))
