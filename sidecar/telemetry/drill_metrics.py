"""Gauges of the last drill of each target and fault."""

from collections.abc import Iterable, Iterator

from sidecar.core.model.drill import DrillOutcome, DrillRecord
from sidecar.telemetry import metric_definitions as c
from sidecar.telemetry.state_gauges import Gauge

_VERDICTS = frozenset({DrillOutcome.PASSED, DrillOutcome.MISSED, DrillOutcome.FAILED})


class DrillMetrics:
    """Keeps the last drill with a verdict, of each target and fault."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], DrillRecord] = {}

    def note(self, records: Iterable[DrillRecord]) -> None:
        """Note drills that ended, the first one first."""
        for record in records:
            if record.outcome in _VERDICTS:
                self._last[record.target, record.fault] = record

    def restore(self, records: Iterable[DrillRecord]) -> None:
        """Add drills of earlier runs of Sidecar, newest first; later ones are kept."""
        for record in records:
            if record.outcome in _VERDICTS:
                self._last.setdefault((record.target, record.fault), record)

    def gauges(self) -> Iterator[Gauge]:
        """The gauges, each with its samples."""
        last = self._last
        yield (
            c.DRILL_RESULT,
            [(key, r.outcome is DrillOutcome.PASSED) for key, r in last.items()],
        )
        yield c.DRILL_LAST, [(key, r.ended_wall) for key, r in last.items()]
        yield (
            c.DRILL_SECONDS,
            [
                ((*key, step), seconds)
                for key, record in last.items()
                for step, seconds in _times(record)
                if seconds is not None
            ],
        )


def _times(record: DrillRecord) -> tuple[tuple[str, float | None], ...]:
    return (
        ("detect", record.detect_s),
        ("decide", record.decide_s),
        ("recover", record.recover_s),
    )
