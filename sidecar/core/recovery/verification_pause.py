"""Pause of a verification's clock during the remedies that it gave way to.

Those remedies may be all that it needs; but the pause is limited, as otherwise the
verification might never end, and would block further remedies.
"""

from sidecar.core.model.decision import Action
from sidecar.core.model.instance import Instance, Remedy, RemedyPhase
from sidecar.core.model.moment import Moment
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import State
from sidecar.core.status.presumed_dependencies import may_give_way

MAX_TIMES = 2
"""Limit of a verification's extension, as a multiple of its ``recovery_timeout``."""


def is_paused(state: State, instance: Instance, at: Moment) -> bool:
    """Is its clock paused, because it gave way to a remedy that is under way?"""
    remedy = instance.remedy
    if remedy is None or remedy.phase is not RemedyPhase.VERIFYING:
        return False
    if at.mono >= _latest_mono(state, instance, remedy):
        return False
    return any(
        other.remedy is not None
        and _has_overtaken(state, other, other.remedy, instance)
        for other in state.instances.in_remedy()
    )


def extend_paused(
    state: State, treated: Instance, ended_remedy: Remedy, at: Moment
) -> tuple[Instance, ...]:
    """Extend the verifications that gave way to a remedy by their time to recover.

    The limit of the extension may leave less.
    """
    extended = []
    for other in state.instances.in_remedy():
        remedy = other.remedy
        if remedy is None or remedy.phase is not RemedyPhase.VERIFYING:
            continue
        if not _has_overtaken(state, treated, ended_remedy, other):
            continue
        until_mono = at.mono + state.target_of(other).restart.recovery_timeout_s
        later_s = (
            min(until_mono, _latest_mono(state, other, remedy)) - remedy.deadline_mono
        )
        if later_s > 0.0:
            extended.append(replace(other, remedy=_extend(remedy, later_s)))
    return tuple(extended)


def _extend(remedy: Remedy, by_s: float) -> Remedy:
    return replace(
        remedy,
        deadline_mono=remedy.deadline_mono + by_s,
        extended_s=remedy.extended_s + by_s,
    )


def _latest_mono(state: State, instance: Instance, remedy: Remedy) -> float:
    """Latest end of its verification, with all extensions."""
    most_s = MAX_TIMES * state.target_of(instance).restart.recovery_timeout_s
    return remedy.deadline_mono + most_s - remedy.extended_s


def _has_overtaken(
    state: State, treated: Instance, remedy: Remedy, verified: Instance
) -> bool:
    """Did the remedy of ``treated`` begin while ``verified`` gave way to it?

    The loads of a crash loop are of no help, and go on as long as that does.
    """
    before = verified.remedy
    if before is None or remedy.began.mono <= before.began.mono:
        return False
    if treated.looping and remedy.decision.action is Action.LOAD_WALLET:
        return False
    return may_give_way(state, state.target_of(treated), state.target_of(verified))
