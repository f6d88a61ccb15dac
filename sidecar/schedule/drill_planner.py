"""The planner of drills: hands over each planned drill when it is due, never late."""

from collections.abc import Callable, Iterable

from loguru import logger

from sidecar.core.model.drill_settings import DrillPlan
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import Target
from sidecar.core.ports.drill_planning import PlannedDrillTime
from sidecar.core.ports.loop import Clock
from sidecar.core.text.formatting import rfc3339
from sidecar.schedule.cron import CronLine
from sidecar.schedule.schedule_loop import ScheduleLoop
from sidecar.schedule.timetable import DueTimes


class DrillPlanner:
    """The schedule of planned drills; implements ``core.ports.DrillSchedule``.

    A drill that is too late (Sidecar was down, the clock was set forward) is left out.
    ``begin`` is called with the name of the target and the plan.
    """

    def __init__(self, clock: Clock, begin: Callable[[str, DrillPlan], None]) -> None:
        self._begin = begin
        self._clock = clock
        self._plans: dict[str, DrillPlan] = {}
        self._loop = ScheduleLoop(clock, self._on_due)

    def set_targets(self, targets: Iterable[Target]) -> None:
        """Set the targets in force; an unchanged schedule keeps its state."""
        self._plans = {t.name: t.drill for t in targets if t.drill is not None}
        lines = {n: CronLine(p.cron, p.timezone) for n, p in self._plans.items()}
        if self._loop.timetable.set_lines(lines, self._clock.now().wall):
            self._loop.note_change()

    async def run(self) -> None:
        """Hand over drills at their times, until cancelled."""
        await self._loop.run()

    def next_drills(self) -> tuple[PlannedDrillTime, ...]:
        """The next planned drill of each target, in order of time."""
        planned = [
            PlannedDrillTime(name, wall, plan)
            for name, plan in self._plans.items()
            if (wall := next(self._loop.timetable.next_walls(name), None)) is not None
        ]
        return tuple(sorted(planned, key=lambda drill: drill.at_wall))

    def _on_due(self, due: DueTimes, _: Moment) -> None:
        if due.on_time is not None:
            self._begin(due.name, self._plans[due.name])
            return
        logger.bind(target=due.name).warning(
            "planned drill of {} at {} left out: it would be late",
            due.name,
            rfc3339(due.missed_walls[-1]),
        )
