"""Detection of lost addresses: a wallet that has fewer addresses than before.

An address lives in memory until the daemon saves it. A lost address is handed out
again, to somebody else, and the balance does not show that: so addresses are counted.
"""

from typing import NamedTuple

from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.incident import Incident, new_id
from sidecar.core.model.instance import AddressCount, Instance
from sidecar.core.model.moment import Moment
from sidecar.core.model.probe_result import ProbeResult
from sidecar.core.model.record_copy import replace
from sidecar.core.model.transition import IncidentChanged, IncidentStep
from sidecar.core.model.update import Update, replace_incident
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason

MAX_COUNTS = 8
"""Limit of the lists of wallets that are remembered for one daemon."""


class AddressLoss(NamedTuple):
    """A wallet has fewer addresses than it had."""

    before: int
    after: int


def compare_count(
    instance: Instance, outcome: ProbeResult
) -> tuple[Instance, AddressLoss | None]:
    """Note the last count of addresses; return the loss where the count is lower."""
    facts, container = outcome.wallet, instance.container
    if facts is None or facts.addresses is None or not facts.paths or not container:
        return instance, None
    count = AddressCount(facts.paths, facts.addresses, container.run)
    previous = next((c for c in instance.counts if c.paths == count.paths), None)
    loss = None
    if previous is not None and count.total < previous.total:
        loss = AddressLoss(previous.total, count.total)
    others = tuple(c for c in instance.counts if c.paths != count.paths)
    counts = (*others[1 - MAX_COUNTS :], count)
    return replace(instance, addresses=count, counts=counts), loss


def open_incident(
    update: Update, instance: Instance, loss: AddressLoss, at: Moment
) -> Update:
    """Open an incident for a loss; it stays open until a person acknowledges it."""
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
        replace_incident(update.state, incident),
        (*update.transitions, opened),
        update.touched,
    )


def _sentence(loss: AddressLoss) -> Reason:
    fewer = loss.before - loss.after
    return Reason.of(R.ADDRESSES_LOST, left=loss.after, had=loss.before, lost=fewer)


def address_count_in_run(instance: Instance) -> int | None:
    """Number of addresses of its wallet in the present run; None: not known."""
    count, container = instance.addresses, instance.container
    if count is None or container is None or count.run != container.run:
        return None
    return count.total
