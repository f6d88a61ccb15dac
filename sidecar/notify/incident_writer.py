"""The sentences about an open incident, as a message would have them now."""

from datetime import tzinfo

from sidecar.core.incidents.incident_facts import facts_of
from sidecar.core.model.incident import Incident
from sidecar.core.model.lane import LaneName
from sidecar.core.model.message import Message, MessageKind
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.ports.page_texts import IncidentTexts
from sidecar.notify import message_lines
from sidecar.notify.installation import Installation
from sidecar.notify.message_catalog import MessageCatalog
from sidecar.notify.payment_lines import payments_key
from sidecar.notify.render import Renderer


class IncidentWriter:
    """Writes in one language and time zone."""

    def __init__(
        self, words: MessageCatalog, zone: tzinfo, installation: Installation
    ) -> None:
        self._words = words
        self._render = Renderer(words, zone, installation)

    def __call__(self, state: State, incident: Incident, at: Moment) -> IncidentTexts:
        """The sentences by the present facts of the incident."""
        facts = facts_of(state, incident, at)
        is_given_up = facts["lane"] == LaneName.DEAD_LETTER
        kind = MessageKind.DEAD_LETTER if is_given_up else MessageKind.REMINDER
        values = self._render.values_of(
            Message("", incident.id, 0, "", kind, incident.severity, at.wall, facts)
        )
        advice_keys = message_lines.advice_keys(kind, values)
        return IncidentTexts(
            values["problem"],
            self._words(payments_key(values), **values),
            values["reason"],
            self._words(message_lines.progress_key(values), **values),
            "\n".join(self._words(key, **values) for key in advice_keys),
        )
