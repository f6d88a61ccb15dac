"""The time of a dependent to follow its root, and the restart that it is owed."""

from sidecar.core.model.cause import RemedyKind
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.instance import Instance


def is_following(instance: Instance) -> bool:
    """Did it begin to fail before its root worked, and would a restart be a cure?"""
    cause = instance.health.cause
    if instance.settling is None or not instance.health.failures or cause is None:
        return False
    return CAUSES[cause].remedy is RemedyKind.RESTART


def is_awaited(instance: Instance) -> bool:
    """Is a restart after its root still to come, and nothing lasting in its way?"""
    if not instance.must_restart:
        return False
    last = instance.last_decision
    return last is None or not last.guard.rule.is_lasting
