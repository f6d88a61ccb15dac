"""Outages of the history: from the first failure until the target works again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sidecar.api_types.records import HistoryRecord, OutcomeRecord, TransitionRecord
from sidecar.core.model.cause import Cause
from sidecar.core.model.recorded_outage import RecordedOutage
from sidecar.core.model.target_state import BROKEN_STATES, TargetState

_BEGINS = (BROKEN_STATES | {TargetState.FAILING}) - {TargetState.RECOVERING}
_ENDS = frozenset({TargetState.HEALTHY, TargetState.DEGRADED, TargetState.STOPPED})
_RESTARTS = frozenset({"start", "restart", "recreate"})
_CAUSES = frozenset(Cause)


@dataclass
class _OpenOutage:
    name: str
    cause: Cause | None
    began_wall: float
    restarts: int = 0
    is_cured: bool = False

    def close(self, ended_wall: float | None) -> RecordedOutage:
        return RecordedOutage(
            self.name,
            self.cause,
            self.began_wall,
            ended_wall,
            self.restarts,
            self.is_cured,
        )


def find_outages(records: Iterable[HistoryRecord]) -> tuple[RecordedOutage, ...]:
    """The outages in records that come in order of time, by their begin.

    What begins in a drill is none.
    """
    open_outages: dict[str, _OpenOutage] = {}
    outages: list[RecordedOutage] = []
    for record in records:
        at_wall = datetime.fromisoformat(record.at).timestamp()
        current = open_outages.get(record.target)
        if isinstance(record, OutcomeRecord) and current is not None:
            _note_remedy(current, record)
        elif isinstance(record, TransitionRecord):
            if record.to in _ENDS and current is not None:
                outages.append(open_outages.pop(record.target).close(at_wall))
            elif record.to in _BEGINS and current is None and not record.drill:
                cause = Cause(record.cause) if record.cause in _CAUSES else None
                open_outages[record.target] = _OpenOutage(record.target, cause, at_wall)
    outages += [outage.close(None) for outage in open_outages.values()]
    return tuple(sorted(outages, key=lambda outage: outage.began_wall))


def _note_remedy(outage: _OpenOutage, record: OutcomeRecord) -> None:
    if record.action in _RESTARTS and record.trigger in {"failure", "dependency"}:
        outage.restarts += 1
        outage.is_cured = record.outcome == "recovered"
