"""The time of a dependent to follow its root, and the restart that it is owed."""

from sidecar.core.model.cause import CAUSES, RemedyKind
from sidecar.core.model.decision import Guard
from sidecar.core.model.instance import Instance

_NOT_WAITED_FOR = frozenset(
    {
        Guard.OPTED_OUT,
        Guard.PAUSED,
        Guard.FORBIDDEN,
        Guard.STORM,
        Guard.BUDGET,
        Guard.OBSERVE,
    }
)


def is_following(instance: Instance) -> bool:
    """Did it begin to fail before its root worked, and would a restart be a cure?"""
    cause = instance.health.cause
    if instance.settling is None or not instance.health.failures or cause is None:
        return False
    return CAUSES[cause].cure is RemedyKind.RESTART


def is_awaited(instance: Instance) -> bool:
    """Is a restart after its root still to come, and nothing lasting in its way?"""
    if not instance.must_restart:
        return False
    last = instance.last_decision
    return last is None or last.guard not in _NOT_WAITED_FOR
