"""The action items of a post-mortem, proposed from its facts."""

from collections.abc import Iterator

from sidecar.core.model.cause import Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.reporting.incident_review import IncidentReview
from sidecar.core.reporting.postmortem.remedies import count_unhelpful_remedies
from sidecar.core.reporting.postmortem.wording import (
    BLANK,
    count_times,
)
from sidecar.core.text.formatting import format_duration
from sidecar.core.text.markdown import escape

_URGENT = frozenset({Severity.P0, Severity.P1})
_ACK_EXPECTED_S = 900.0


def write_action_items(review: IncidentReview) -> Iterator[str]:
    """Lines with the action items that the facts suggest; people decide."""
    for step in (
        *CAUSES[review.incident.cause].next_steps,
        *_items_from_facts(review),
    ):
        yield f"- [ ] {step} Owner, date: {BLANK} ..."
    yield f"- [ ] {BLANK} what else."


def _items_from_facts(review: IncidentReview) -> Iterator[str]:
    incident = review.incident
    name = escape(incident.target)
    unhelpful = count_unhelpful_remedies(review.remedies)
    if unhelpful:
        yield f"Find out why what was tried did not help ({count_times(unhelpful)})."
    if any(record.tries > len(review.remedies) for _, record in review.efficacy):
        yield "It was not the first time: treat the cause, not the symptom."
    for affected in incident.affected:
        yield (
            f"Decide what {escape(affected)} should do while {name} is away: wait, "
            "refuse politely, or go on without it."
        )
    gap_s = sum(impact.unmeasured_s for impact in review.impacts)
    if gap_s >= 1:
        gap = format_duration(gap_s)
        yield f"Find out why the monitoring was away for {gap} of it."
    if (
        incident.severity in _URGENT
        and incident.acked_at is None
        and review.seconds > _ACK_EXPECTED_S
    ):
        yield "Find out why nobody acknowledged the alert, and who should have."
