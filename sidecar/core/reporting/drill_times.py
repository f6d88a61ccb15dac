"""Times of drills, and the steps of a report without those that drills caused.

The time of a drill counts as a restart on purpose does: neither as available nor as
down.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sidecar.core.model.drill import Drill, DrillRecord
from sidecar.core.model.journal_entry import JournalStep, StateChange, TargetSteps
from sidecar.core.model.target_state import TargetState

_ON_PURPOSE = TargetState.STARTING.value
"""State of a target that is not up yet, because somebody started it anew."""


class DrillTime(NamedTuple):
    """A drill that concerned a target, by the wall clock."""

    from_wall: float
    until_wall: float
    drill_id: str


class _OpenDrill(NamedTuple):
    """A drill whose first step has come, with the last change in it."""

    time: DrillTime
    last: StateChange


class DrillFilter:
    """Replaces the steps within drills by one change to and one from them."""

    def __init__(
        self, records: Iterable[DrillRecord], current: Drill | None, now_wall: float
    ) -> None:
        self._times = list_drill_times(records, current, now_wall)
        self._open: dict[str, _OpenDrill] = {}

    def apply(
        self, steps_by_target: Iterable[tuple[str, TargetSteps]]
    ) -> list[tuple[str, TargetSteps]]:
        """The steps of some targets, for each target in order of time."""
        return [
            (target, self._filter(target, steps) if target in self._times else steps)
            for target, steps in steps_by_target
        ]

    def close(self) -> list[tuple[str, TargetSteps]]:
        """The steps that are left when no others follow."""
        return [
            (target, TargetSteps([entry.time.until_wall], [_change_from(entry)]))
            for target, entry in self._open.items()
        ]

    def _filter(self, target: str, steps: TargetSteps) -> TargetSteps:
        at_walls: list[float] = []
        kept: list[JournalStep] = []
        pairs = zip(steps.at_walls, steps.steps, strict=True)
        for at_wall, step in self._replace(target, pairs):
            at_walls.append(at_wall)
            kept.append(step)
        return TargetSteps(at_walls, kept)

    def _replace(
        self, target: str, pairs: Iterable[tuple[float, JournalStep]]
    ) -> Iterator[tuple[float, JournalStep]]:
        for at_wall, step in pairs:
            entry = self._open.get(target)
            if entry is not None and at_wall > entry.time.until_wall:
                del self._open[target]
                yield entry.time.until_wall, _change_from(entry)
                entry = None
            time = find_drill_time(self._times[target], at_wall)
            if time is None:
                yield at_wall, step
            elif isinstance(step, StateChange):
                self._open[target] = _OpenDrill(time, step)
                if entry is None:
                    yield at_wall, StateChange(step.old, _ON_PURPOSE, None)


def _change_from(entry: _OpenDrill) -> StateChange:
    return StateChange(_ON_PURPOSE, entry.last.new, entry.last.cause)


def find_drill_time(times: Sequence[DrillTime], wall: float) -> DrillTime | None:
    """The drill at a time; None: there was none."""
    return next((t for t in times if t.from_wall <= wall <= t.until_wall), None)


def list_drill_times(
    records: Iterable[DrillRecord], current: Drill | None, now_wall: float
) -> Mapping[str, tuple[DrillTime, ...]]:
    """The drills that concerned each target: its own, and those that reached it."""
    times: dict[str, tuple[DrillTime, ...]] = {}
    for record in records:
        if record.injected_wall is not None or record.others:
            time = DrillTime(record.began_wall, record.ended_wall, record.id)
            for name in (record.target, *record.others):
                times[name] = (*times.get(name, ()), time)
    if current is not None and current.is_in_force:
        time = DrillTime(current.began.wall, now_wall, current.id)
        for name in (current.name, *current.others):
            times[name] = (*times.get(name, ()), time)
    return times
