"""The planner of maintenance tasks: posts each due time once, on time or as missed."""

from collections.abc import Mapping
from itertools import islice

from sidecar.core.model.maintenance_task import Task, TaskProgress, taken_walls
from sidecar.core.model.moment import Moment
from sidecar.core.model.task_event import TaskDue, TasksPlanned
from sidecar.core.ports.loop import Clock, Post
from sidecar.schedule.cron import CronLine
from sidecar.schedule.schedule_loop import ScheduleLoop
from sidecar.schedule.timetable import DueTimes


class TaskPlanner:
    """The schedule of maintenance tasks; implements ``core.ports.TaskSchedule``."""

    def __init__(self, clock: Clock, post: Post) -> None:
        self._clock = clock
        self._post = post
        self._loop = ScheduleLoop(clock, self._on_due)

    def set_tasks(
        self, tasks: tuple[Task, ...], progress: Mapping[str, TaskProgress]
    ) -> None:
        """Put tasks in force; an unchanged schedule keeps its state.

        ``progress`` is what is known of them from before: times since then that have
        passed are posted as missed.
        """
        now = self._clock.now()
        by_name = {task.name: task for task in tasks}
        lines = {name: CronLine(t.cron, t.timezone) for name, t in by_name.items()}
        known_walls = taken_walls(by_name, progress)
        self._post(TasksPlanned(now, tasks))
        if self._loop.timetable.set_lines(lines, now.wall, known_walls):
            self._loop.note_change()

    async def run(self) -> None:
        """Post TaskDue at the due times, until cancelled."""
        await self._loop.run()

    def upcoming_times(self, task: str, count: int) -> tuple[float, ...]:
        """The next ``count`` due times of a task (wall clock); none: no such task."""
        return tuple(islice(self._loop.timetable.next_walls(task), count))

    def _on_due(self, due: DueTimes, now: Moment) -> None:
        missed_walls = due.missed_walls
        last_missed_wall = missed_walls[-1] if missed_walls else None
        event = TaskDue(now, due.name, due.on_time, len(missed_walls), last_missed_wall)
        self._post(event)
