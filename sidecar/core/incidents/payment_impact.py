"""The impact of an incident on payments, as far as it is known."""

from enum import StrEnum
from typing import NamedTuple

from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.model.cause import Cause
from sidecar.core.model.cause_rules import BEYOND_REMEDIES, CAUSES
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.core.model.target_state import BROKEN_STATES, SERVING_STATES


class Payments(StrEnum):
    """State of payments, from worst to best.

    STOPPED: a wallet daemon, or a service that needs one, does not work. DOUBTED: two
    customers may get the same address. BLIND: the wallet works and does not see new
    payments. SLOW: it answers late. UNKNOWN: not known. UNSEEN: not known either, but
    the services that need it work. APART: no wallet is concerned. FINE: all that is
    concerned works.
    """

    STOPPED = "stopped"
    DOUBTED = "doubted"
    BLIND = "blind"
    SLOW = "slow"
    UNKNOWN = "unknown"
    UNSEEN = "unseen"
    APART = "apart"
    FINE = "fine"


class PaymentImpact(NamedTuple):
    """State of payments; ``names``: instances that do not work as they should.

    ``working``: where UNSEEN, the instances that need them and work.
    """

    payments: Payments
    names: tuple[str, ...] = ()
    working: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, str]:
        """As facts of a message."""
        return {
            "payments": self.payments.value,
            "payments_of": ", ".join(self.names),
            "payments_by": ", ".join(self.working),
        }


def payment_impact(state: State, incident: Incident) -> PaymentImpact:
    """Assess the payments that the incident concerns, by the present states."""
    if incident.closes_by_ack and incident.open:
        return PaymentImpact(Payments.DOUBTED, (incident.target,))
    names = (incident.target, *incident.affected)
    instances = (instance_named(state, name) for name in names)
    concerned = [one for one in instances if one is not None]
    paying = [i for i in concerned if _serves_payments(state, i)]
    if not paying:
        apart = state.topology.has_wallet and bool(concerned)
        return PaymentImpact(Payments.APART if apart else Payments.UNKNOWN)
    names_by_impact: dict[Payments, list[str]] = {}
    for instance in paying:
        names_by_impact.setdefault(_impact_at(state, instance), []).append(
            instance.name
        )
    worst = next(one for one in Payments if one in names_by_impact)
    names_of_worst = tuple(names_by_impact[worst])
    if worst is Payments.UNKNOWN:
        working = _working_dependents(state, incident.target)
        if working:
            return PaymentImpact(Payments.UNSEEN, names_of_worst, working)
    return PaymentImpact(worst, names_of_worst)


def payment_impact_of_stack(state: State) -> PaymentImpact:
    """Assess all payments of the stack; a failure that is not certain is UNKNOWN."""
    names_by_impact: dict[Payments, list[str]] = {}
    for instance in state.instances.values():
        if _serves_payments(state, instance):
            impact = _impact_at(state, instance)
            if impact is Payments.STOPPED and instance.state not in BROKEN_STATES:
                impact = Payments.UNKNOWN
            names_by_impact.setdefault(impact, []).append(instance.name)
    for incident in state.incidents.values():
        if incident.closes_by_ack and incident.open:
            names_by_impact.setdefault(Payments.DOUBTED, []).append(incident.target)
    worst = next((one for one in Payments if one in names_by_impact), Payments.UNKNOWN)
    return PaymentImpact(worst, tuple(names_by_impact.get(worst, ())))


def are_payments_stopped(state: State, instance: Instance) -> bool:
    """Are payments stopped by this instance: do they need it, and does it not work?"""
    stopped = _impact_at(state, instance) is Payments.STOPPED
    return stopped and _serves_payments(state, instance)


def _working_dependents(state: State, name: str) -> tuple[str, ...]:
    """The instances that need the target, where all of them work; otherwise none.

    Then it works for them, although Sidecar cannot probe it.
    """
    root = instance_named(state, name)
    needing = tuple(state.dependents(root.id.target)) if root else ()
    all_work = all(one.state in SERVING_STATES for one in needing)
    return tuple(one.name for one in needing) if all_work else ()


def _serves_payments(state: State, instance: Instance) -> bool:
    needed = (instance.id.target, *state.topology.upstreams.get(instance.id.target, ()))
    targets = (state.targets.get(name) for name in needed)
    return any(target is not None and target.wallet for target in targets)


def _impact_at(state: State, instance: Instance) -> Payments:
    if instance.state in SERVING_STATES:
        return Payments.FINE
    cause = instance.cause
    if cause in BEYOND_REMEDIES:
        return Payments.BLIND
    if cause is Cause.THREAD_HELD:
        return Payments.SLOW
    if cause is None or CAUSES[cause].is_unmeasured:
        return Payments.UNKNOWN
    replicas = state.replicas(instance.id.target)
    works = any(replica.state in SERVING_STATES for replica in replicas)
    return Payments.FINE if works else Payments.STOPPED
