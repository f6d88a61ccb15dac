"""Drills in the history: their begin, their verdict, and what happened in them."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from msgspec import structs

from sidecar.api_types.records import DrillStepRecord
from sidecar.core.model.drill import Drill, DrillOutcome, DrillRecord
from sidecar.core.model.journal_entry import JournalEntry
from sidecar.core.reporting.drill_times import find_drill_time, list_drill_times
from sidecar.core.text.formatting import rfc3339
from sidecar.web.views.drills import reader_of, still_under_way


class DrillHistory:
    """Drills that ended in a period; ``current``: the one that was under way before."""

    def __init__(
        self, records: Iterable[DrillRecord], current: Drill | None, now_wall: float
    ) -> None:
        self._records = tuple(records)
        self._current = still_under_way(current, self._records)
        self._times = list_drill_times(self._records, self._current, now_wall)

    def mark(self, entries: Iterable[JournalEntry]) -> Iterator[JournalEntry]:
        """The entries; one of the target or a dependent in a drill has its id."""
        for entry in entries:
            times = self._times.get(entry.target, ())
            time = find_drill_time(times, entry.at_wall)
            if time is None:
                yield entry
            else:
                yield replace(entry, data={**entry.data, "drill": time.drill_id})

    def begins(
        self, names: Collection[str], since_wall: float
    ) -> Iterator[DrillStepRecord]:
        """The begin of each drill that was not refused; no ``names``: of all."""
        drills: list[tuple[float, str, Drill | DrillRecord]] = [
            (record.began_wall, record.target, record)
            for record in self._records
            if record.outcome is not DrillOutcome.REFUSED
        ]
        if self._current is not None:
            drills.append((self._current.began.wall, self._current.name, self._current))
        for at_wall, name, drill in drills:
            if at_wall >= since_wall and (not names or name in names):
                yield _step(drill, name, at_wall, "began")

    def ends(
        self, names: Collection[str], *, details: bool
    ) -> Iterator[DrillStepRecord]:
        """The verdict on each drill; ``details``: the reader may see all."""
        show = reader_of(details=details)
        for record in self._records:
            if not names or record.target in names:
                reason = show(record.reason)
                yield structs.replace(
                    _step(record, record.target, record.ended_wall, "ended"),
                    outcome=record.outcome,
                    reason=str(reason),
                    reason_code=reason.code,
                )


def _step(
    drill: Drill | DrillRecord, name: str, at_wall: float, step: str
) -> DrillStepRecord:
    return DrillStepRecord(
        at=rfc3339(at_wall),
        target=name,
        incident=None,
        drill=drill.id,
        step=step,
        fault=drill.fault,
        trigger=drill.trigger,
    )
