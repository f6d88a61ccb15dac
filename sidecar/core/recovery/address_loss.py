"""Are all addresses still there that a wallet had handed out?

An address lives in memory until the daemon saves it. One that is lost is handed out
again, to somebody else, and the balance does not tell: so addresses are counted.
"""

from dataclasses import replace
from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.incident import Incident, new_id
from sidecar.core.model.instance import AddressCount, Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.transition import IncidentChanged, IncidentStep
from sidecar.core.model.update import Update, replace_incident
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason

MOST_COUNTS = 8
"""So many lists of wallets are remembered for one daemon."""


class AddressLoss(NamedTuple):
    """A wallet has fewer addresses than it had."""

    before: int
    after: int


def compare_count(
    instance: Instance, outcome: ProbeResult
) -> tuple[Instance, AddressLoss | None]:
    """The instance that knows the last count, and the loss where it is lower."""
    facts, container = outcome.wallet, instance.container
    if facts is None or facts.addresses is None or not facts.paths or not container:
        return instance, None
    seen = AddressCount(facts.paths, facts.addresses, container.run)
    known = next((c for c in instance.counts if c.paths == seen.paths), None)
    loss = None
    if known is not None and seen.total < known.total:
        loss = AddressLoss(known.total, seen.total)
    others = tuple(c for c in instance.counts if c.paths != seen.paths)
    counts = (*others[1 - MOST_COUNTS :], seen)
    return replace(instance, addresses=seen, counts=counts), loss


def open_incident(
    folded: Update, instance: Instance, loss: AddressLoss, at: Moment
) -> Update:
    """A loss is an incident of its own: it stays open until a person answers it."""
    rule = CAUSES[Cause.ADDRESSES_LOST]
    incident = Incident(
        new_id(f"{instance.name}/addresses", at),
        instance.name,
        Cause.ADDRESSES_LOST,
        rule.severity,
        at,
        detail=_sentence(loss),
    )
    opened = IncidentChanged(
        at,
        incident.id,
        IncidentStep.OPENED,
        instance.name,
        Reason.of(R.INCIDENT_OF_ADDRESSES, root=instance.name, reason=incident.detail),
    )
    return Update(
        replace_incident(folded.state, incident),
        (*folded.transitions, opened),
        folded.touched,
    )


def _sentence(loss: AddressLoss) -> Reason:
    fewer = loss.before - loss.after
    return Reason.of(R.ADDRESSES_LOST, left=loss.after, had=loss.before, lost=fewer)


def count_known_in_run(instance: Instance) -> int | None:
    """How many addresses its wallet has in the present run, where that is known."""
    known, container = instance.addresses, instance.container
    if known is None or container is None or known.run != container.run:
        return None
    return known.total
