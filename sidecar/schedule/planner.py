"""The planner: posts each planned restart when it is due, once and never late."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from loguru import logger

from sidecar.core.model.event import PlannedRestartDue
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import PlannedRestartSettings, Target
from sidecar.core.ports.loop import Clock, PlannedTime, Post
from sidecar.core.text.formatting import rfc3339
from sidecar.schedule.cron import CronLine
from sidecar.schedule.schedule_loop import ScheduleLoop
from sidecar.schedule.timetable import DueTimes


class Planner:
    """The schedule of planned restarts; implements ``core.ports.Schedule``.

    An occurrence that is too late (Sidecar was down, the host was suspended, the clock
    was set forward) is skipped and not made up for. ``is_in_window``: does a target's
    maintenance window last at that time, as far as that is known beforehand?
    """

    def __init__(
        self,
        clock: Clock,
        post: Post,
        is_in_window: Callable[[str, float], bool] = lambda *_: False,
    ) -> None:
        self._clock = clock
        self._is_in_window = is_in_window
        self._post = post
        self._plans: dict[str, PlannedRestartSettings] = {}
        self._skipped_walls: dict[str, float] = {}
        self._loop = ScheduleLoop(clock, self._on_due)

    @property
    def checked_mono(self) -> float:
        """The time of the last check of the schedule; at most 30 s ago."""
        return self._loop.checked_mono

    def set_targets(self, targets: Iterable[Target]) -> None:
        """Set the targets in force; an unchanged schedule keeps its state."""
        plans = {
            target.name: plan
            for target in targets
            if (plan := target.preventive) is not None and plan.cron is not None
        }
        for name in tuple(self._skipped_walls):
            if plans.get(name) != self._plans[name]:
                del self._skipped_walls[name]
        self._plans = plans
        lines = {
            name: CronLine(plan.cron, plan.timezone, plan.jitter_s)
            for name, plan in plans.items()
            if plan.cron is not None
        }
        if self._loop.timetable.set_lines(lines, self._clock.now().wall):
            self._loop.note_change()

    async def run(self) -> None:
        """Post PlannedRestartDue at the due times, until cancelled."""
        await self._loop.run()

    def upcoming_times(self, count: int) -> tuple[PlannedTime, ...]:
        """The next ``count`` times of every target that has a schedule, in order."""
        planned_times = chain.from_iterable(self.upcoming_by_target(count))
        return tuple(sorted(planned_times, key=lambda planned: planned.at_wall))

    def upcoming_by_target(self, count: int) -> Iterator[tuple[PlannedTime, ...]]:
        """The same, target by target: each is worked out when it is taken.

        The targets are those of now; one that leaves meanwhile has no times.
        """
        for name, plan in self._plans.items():
            yield tuple(islice(self._planned_times(name, plan), count))

    def skip_next(self, target: str) -> PlannedTime | None:
        """Skip the next planned restart; None where the target has no schedule.

        A second call before it is due skips the same one.
        """
        next_wall = next(self._loop.timetable.next_walls(target), None)
        if next_wall is None:
            return None
        self._skipped_walls[target] = next_wall
        return next(self._planned_times(target, self._plans[target]))

    def _on_due(self, due: DueTimes, now: Moment) -> None:
        target_log = logger.bind(target=due.name)
        if due.missed_walls:
            late_wall = due.missed_walls[-1]
            target_log.warning(
                "planned restart of {} at {} left out: it is {:.0f} s late (downtime, "
                "suspend or a clock step), and a late one is not caught up",
                due.name,
                rfc3339(late_wall),
                now.wall - late_wall,
            )
        if due.on_time is None:
            return
        if due.on_time == self._skipped_walls.get(due.name):
            target_log.info(
                "planned restart of {} at {} left out: an operator asked for that",
                due.name,
                rfc3339(due.on_time),
            )
            return
        next_wall = next(self._loop.timetable.next_walls(due.name), None)
        self._post(PlannedRestartDue(now, due.name, next_wall))

    def _planned_times(
        self, name: str, plan: PlannedRestartSettings
    ) -> Iterator[PlannedTime]:
        for wall in self._loop.timetable.next_walls(name):
            is_skipped = wall == self._skipped_walls.get(name)
            in_window = self._is_in_window(name, wall)
            yield PlannedTime(
                name,
                wall,
                plan.cron or "",
                plan.timezone,
                is_skipped or in_window,
                in_window,
                plan.before_limit,
            )
