"""Channels and hooks that came into the settings while an incident is open."""

from sidecar.core.escalation import reached
from sidecar.core.folded import put_incident
from sidecar.core.incident import Incident
from sidecar.core.mailing import facts_of, hooks_of, messages_to
from sidecar.core.moment import Moment
from sidecar.core.notify import NotifySettings
from sidecar.core.present import root_of
from sidecar.core.record import Message, MessageKind
from sidecar.core.state import State


def tell_newcomers(
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
        new = _new(state, incident, settings)
        if new:
            facts = facts_of(state, incident, at)
            told, to_them = messages_to(incident, new, MessageKind.OPENED, facts, at)
            made.extend(to_them)
            state = put_incident(state, told)
    return state, tuple(made)


def _new(state: State, incident: Incident, settings: NotifySettings) -> tuple[str, ...]:
    if not incident.open or incident.told_wall is None:
        return ()
    root = root_of(state, incident)
    if root is not None and root.id.target in state.paused:
        return ()
    channels = (n for n in reached(incident, settings.routes) if n not in incident.told)
    return (*channels, *hooks_of(incident, MessageKind.OPENED, settings))
