"""What an incident means for payments, as far as it is known."""

from enum import StrEnum
from typing import NamedTuple

from sidecar.core.incidents.incident_subject import instance_named
from sidecar.core.model.cause import UPSTREAM_CAUSES, Cause
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.core.model.target_state import WORKING_STATES


class Payments(StrEnum):
    """From bad to good.

    STOPPED: a wallet daemon, or what needs one, does not work. DOUBTED: addresses
    may go to two customers. BLIND: the wallet works and does not see new payments.
    SLOW: it answers late. UNKNOWN: it cannot be told. UNSEEN: nor can it, but what
    needs it works. APART: no wallet is concerned. FINE: all that is concerned works.
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
    """``names``: what does not work, or not as it should."""

    payments: Payments
    names: tuple[str, ...] = ()


_NOT_MEASURED = frozenset(
    {
        Cause.AUTH,
        Cause.MISCONFIGURED,
        Cause.DETACHED,
        Cause.KILLED_BY_PROBE,
        Cause.PROBER_FAILED,
        Cause.OWN_NETWORK,
        Cause.SUSPENDED,
    }
)
"""Sidecar cannot ask it. That says nothing of those who can."""

_BLIND = UPSTREAM_CAUSES | {Cause.WALLET_SYNCING}


def payment_impact(state: State, incident: Incident) -> PaymentImpact:
    """What is known now of the payments that the incident concerns."""
    if incident.is_fact and incident.open:
        return PaymentImpact(Payments.DOUBTED, (incident.target,))
    names = (incident.target, *incident.affected)
    known = (instance_named(state, name) for name in names)
    concerned = [one for one in known if one is not None]
    paying = [i for i in concerned if _serves_payments(state, i)]
    if not paying:
        watched = any(target.wallet for target in state.targets.values())
        apart = watched and bool(concerned)
        return PaymentImpact(Payments.APART if apart else Payments.UNKNOWN)
    found: dict[Payments, list[str]] = {}
    for instance in paying:
        found.setdefault(_impact_at(state, instance), []).append(instance.name)
    worst = next(one for one in Payments if one in found)
    if worst is Payments.UNKNOWN and _work_all_that_need(state, incident.target):
        return PaymentImpact(Payments.UNSEEN, tuple(found[worst]))
    return PaymentImpact(worst, tuple(found[worst]))


def are_stopped(state: State, instance: Instance) -> bool:
    """Does it not work, and do payments need it?"""
    stopped = _impact_at(state, instance) is Payments.STOPPED
    return stopped and _serves_payments(state, instance)


def _work_all_that_need(state: State, name: str) -> bool:
    """Those who need it can tell, where Sidecar cannot: is there one, and does each
    work?
    """
    root = instance_named(state, name)
    targets = state.topology.dependents.get(root.id.target, ()) if root else ()
    needing = (one for target in targets for one in state.replicas(target))
    return {one.state in WORKING_STATES for one in needing} == {True}


def _serves_payments(state: State, instance: Instance) -> bool:
    needed = (instance.id.target, *state.topology.upstreams.get(instance.id.target, ()))
    targets = (state.targets.get(name) for name in needed)
    return any(target is not None and target.wallet for target in targets)


def _impact_at(state: State, instance: Instance) -> Payments:
    if instance.state in WORKING_STATES:
        return Payments.FINE
    cause = instance.cause
    if cause in _BLIND:
        return Payments.BLIND
    if cause is Cause.THREAD_HELD:
        return Payments.SLOW
    if cause is None or cause in _NOT_MEASURED:
        return Payments.UNKNOWN
    sisters = state.replicas(instance.id.target)
    works = any(sister.state in WORKING_STATES for sister in sisters)
    return Payments.FINE if works else Payments.STOPPED
