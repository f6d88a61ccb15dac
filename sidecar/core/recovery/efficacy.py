"""Record of how often each remedy helped against each cause."""

from types import MappingProxyType

from sidecar.core.model.cause import RemedyKind
from sidecar.core.model.decision import Action
from sidecar.core.model.instance import Instance
from sidecar.core.model.lane import RemedyStats
from sidecar.core.model.record_copy import replace
from sidecar.core.model.state import EfficacyKey, State
from sidecar.core.model.transition import (
    RemedyEnded,
    RemedyOutcome,
)
from sidecar.core.status.current_drill import find_drill_of

INEFFECTIVE_OUTAGES = 4


def is_tried_now(action: Action, instance: Instance) -> bool:
    """Was this remedy tried in the present outage? A recreate comes once in it."""
    is_recreated = bool(instance.incident) and (
        instance.recreated_in == instance.incident
    )
    return action is not Action.RECREATE and instance.lane.tries > is_recreated


def is_ineffective(record: RemedyStats, *, tried_now: bool) -> bool:
    """Did it never help in enough earlier outages? The lanes limit the present one."""
    earlier = record.outages - tried_now
    return record.recovered == 0 and earlier >= INEFFECTIVE_OUTAGES


MAX_DURATIONS = 20


def record_remedy_result(state: State, ended: RemedyEnded) -> State:
    """Add a remedy's outcome, where it is known, under (target, cause, remedy).

    A drill proves nothing about real failures.
    """
    if ended.cause is None or ended.outcome is RemedyOutcome.UNKNOWN:
        return state
    if find_drill_of(state, state.instances[ended.instance]) is not None:
        return state
    cure = RemedyKind(ended.action.value)
    key = EfficacyKey(ended.instance.target, ended.cause, cure)
    stats = state.ledger.get(key, RemedyStats())
    helped = ended.outcome is RemedyOutcome.RECOVERED
    seconds = (
        (*stats.seconds, ended.seconds)[-MAX_DURATIONS:] if helped else stats.seconds
    )
    is_first = state.instances[ended.instance].lane.tries <= 1
    began_outage = is_first or ended.action is Action.RECREATE
    record = RemedyStats(
        stats.tries + 1,
        stats.outages + began_outage,
        stats.recovered + helped,
        seconds,
    )
    return replace(state, ledger=MappingProxyType({**state.ledger, key: record}))
