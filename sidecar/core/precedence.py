"""Whose turn it is where two targets fail and the settings do not say who needs whom."""

from sidecar.core.state import Instance, Phase, State
from sidecar.core.target import Target


def is_only_verified(instance: Instance) -> bool:
    """Is it only awaited whether it works, with nothing done to it?"""
    remedy = instance.remedy
    if instance.loading is not None:
        return False
    return remedy is not None and remedy.phase is Phase.VERIFYING


def gives_way(state: State, target: Target, other: Instance) -> bool:
    """Does the verification of ``other`` not hold a remedy of ``target``?

    What labels alone made holds nothing that the settings name. A crash loop may go on
    for ever.
    """
    if not is_only_verified(other):
        return False
    if target.declared and not state.target_of(other).declared:
        return True
    return other.looping
