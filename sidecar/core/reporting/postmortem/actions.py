"""The action items of a post-mortem, proposed from its facts."""

from collections.abc import Iterator

from sidecar.core.model.cause import Severity
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.reporting.incident_review import (
    IncidentReview,
)
from sidecar.core.reporting.postmortem.remedies import (
    count_in_vain,
)
from sidecar.core.reporting.postmortem.wording import (
    BLANK,
    count_times,
)
from sidecar.core.text.formatting import format_duration
from sidecar.core.text.markdown import escape

_URGENT = frozenset({Severity.P0, Severity.P1})
_ACK_EXPECTED_S = 900.0


def write_action_items(found: IncidentReview) -> Iterator[str]:
    """Proposed from the facts; people decide."""
    for step in (
        *CAUSES[found.incident.cause].next_steps,
        *_from_the_facts(found),
    ):
        yield f"- [ ] {step} Owner, date: {BLANK} ..."
    yield f"- [ ] {BLANK} what else."


def _from_the_facts(found: IncidentReview) -> Iterator[str]:
    incident = found.incident
    name = escape(incident.target)
    futile = count_in_vain(found.done)
    if futile:
        yield f"Find out why what was tried did not help ({count_times(futile)})."
    if any(record.tries > len(found.done) for _, record in found.efficacy):
        yield "It was not the first time: treat the cause, not the symptom."
    for one in incident.affected:
        yield (
            f"Decide what {escape(one)} should do while {name} is away: wait, "
            "refuse politely, or go on without it."
        )
    gap_s = sum(impact.unmeasured_s for impact in found.impacts)
    if gap_s >= 1:
        gap = format_duration(gap_s)
        yield f"Find out why the monitoring was away for {gap} of it."
    if (
        incident.severity in _URGENT
        and incident.acked_at is None
        and found.seconds > _ACK_EXPECTED_S
    ):
        yield "Find out why nobody acknowledged the alert, and who should have."
