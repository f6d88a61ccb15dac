"""Messages that somebody takes care of an incident, for alert systems."""

from collections.abc import Iterable

from sidecar.core.incidents.incident_facts import facts_of
from sidecar.core.incidents.routing import messages_to
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.notification_settings import NotifySettings
from sidecar.core.model.state import State
from sidecar.core.model.transition import IncidentChanged, IncidentStep, Transition
from sidecar.core.model.update import replace_incident


def acknowledgement_messages(
    state: State,
    transitions: Iterable[Transition],
    settings: NotifySettings,
    at: Moment,
) -> tuple[State, tuple[Message, ...]]:
    """Tell the alert systems that know of an incident of its acknowledgement.

    People are not told: the next message says who takes care of it.
    """
    messages: list[Message] = []
    for transition in transitions:
        if not _is_acknowledgement(transition):
            continue
        incident = state.incidents.get(transition.incident or "")
        if incident is None or not incident.open:
            continue
        names = tuple(n for n in settings.told_of_acks if n in incident.told)
        facts = facts_of(state, incident, at)
        incident, new_messages = messages_to(
            incident, names, MessageKind.ACKNOWLEDGED, facts, at
        )
        messages.extend(new_messages)
        state = replace_incident(state, incident)
    return state, tuple(messages)


def _is_acknowledgement(transition: Transition) -> bool:
    return (
        isinstance(transition, IncidentChanged)
        and transition.step is IncidentStep.ACKNOWLEDGED
    )
