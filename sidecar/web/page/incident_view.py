"""An open incident as a card of the page, in the words of its messages."""

from typing import NamedTuple

from sidecar.core.model.incident import Incident
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.web.page.target_view import Time
from sidecar.web.page.texts import PageTexts, dom_id, machine_time, sentence


class IncidentCard(NamedTuple):
    """``advice`` is empty for visitors: it has commands that name containers."""

    id: str
    target: str
    target_id: str
    severity: str
    problem: str
    payments: str
    since: Time
    affected: str
    measured: str = ""
    doing: str = ""
    advice: str = ""
    acked: str = ""
    is_acked: bool = False
    closes_by_ack: bool = False


def build_incident_card(
    state: State,
    incident: Incident,
    now: Moment,
    texts: PageTexts,
    *,
    is_operator: bool,
) -> IncidentCard:
    """The card of an open incident."""
    sentences = texts.describe(state, incident, now)
    card = IncidentCard(
        incident.id,
        incident.target,
        dom_id(incident.target),
        incident.severity.value,
        sentence(sentences.problem),
        sentences.payments,
        Time(
            machine_time(incident.since_wall),
            texts.clock(incident.since_wall, now.wall),
        ),
        ", ".join(incident.affected),
        sentence(sentences.measured),
        sentences.doing,
        is_acked=incident.acked_at is not None,
        acked=_describe_ack(incident, now, texts),
        closes_by_ack=incident.closes_by_ack,
    )
    return card._replace(advice=sentences.advice) if is_operator else card


def _describe_ack(incident: Incident, now: Moment, texts: PageTexts) -> str:
    if incident.acked_at is None:
        return texts("incident.not_acked")
    return texts("incident.acked", at=texts.clock(incident.acked_at.wall, now.wall))
