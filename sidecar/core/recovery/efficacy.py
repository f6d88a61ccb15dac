"""How often each remedy helped against each cause, and when it is hopeless."""

from dataclasses import replace
from types import MappingProxyType

from sidecar.core.model.cause import RemedyKind
from sidecar.core.model.lane import (
    RemedyStats,
)
from sidecar.core.model.state import EfficacyKey, State
from sidecar.core.model.transition import (
    RemedyEnded,
    RemedyOutcome,
)

INEFFECTIVE_OUTAGES = 4


def is_ineffective(record: RemedyStats, *, tried_now: bool) -> bool:
    """Did it never help, over earlier outages? The lanes judge the present one."""
    earlier = record.outages - tried_now
    return record.recovered == 0 and earlier >= INEFFECTIVE_OUTAGES


KEPT_SECONDS = 20


def record_remedy_result(state: State, ended: RemedyEnded) -> State:
    """Add a remedy's outcome, where it is known, under (target, cause, remedy)."""
    if ended.cause is None or ended.outcome is RemedyOutcome.UNKNOWN:
        return state
    cure = RemedyKind(ended.action.value)
    key = EfficacyKey(ended.instance.target, ended.cause, cure)
    known = state.ledger.get(key, RemedyStats())
    helped = ended.outcome is RemedyOutcome.RECOVERED
    seconds = (
        (*known.seconds, ended.seconds)[-KEPT_SECONDS:] if helped else known.seconds
    )
    began_it = state.instances[ended.instance].lane.tries <= 1
    record = RemedyStats(
        known.tries + 1,
        known.outages + began_it,
        known.recovered + helped,
        seconds,
    )
    return replace(state, ledger=MappingProxyType({**state.ledger, key: record}))
