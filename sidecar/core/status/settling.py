"""Settling of dependents after the recovery of their root."""

from sidecar.core.model.cause import RemedyKind
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.instance import Instance


def is_following(instance: Instance) -> bool:
    """Is the dependent settling, and failing with a cause that a restart cures?"""
    cause = instance.health.cause
    if instance.settling is None or not instance.health.failures or cause is None:
        return False
    return CAUSES[cause].remedy is RemedyKind.RESTART


def is_awaited(instance: Instance) -> bool:
    """Is a restart after its root due, and not held back by a lasting guard?"""
    if not instance.must_restart:
        return False
    last = instance.last_decision
    return last is None or not last.guard.rule.is_lasting
