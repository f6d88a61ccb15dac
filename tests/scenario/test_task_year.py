"""A year of maintenance tasks in four time zones, with downtimes and suspends."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest

from sidecar.config.maintenance import CRON_OF
from sidecar.core.model.event import Event
from sidecar.core.model.maintenance_task import (
    Task,
    TaskKind,
    TaskOutcome,
    TaskResult,
    TaskRun,
)
from sidecar.core.model.moment import Moment
from sidecar.core.model.state import State
from sidecar.core.model.task_event import TaskCompleted
from sidecar.core.reason.reason import text_reason
from sidecar.core.recovery.takeover import restore_state
from sidecar.core.step.step import run_step
from sidecar.schedule import schedule_loop
from sidecar.schedule.cron import times
from sidecar.schedule.task_planner import TaskPlanner
from sidecar.simulation.virtual_time import run_virtual

DAY_S, HOUR_S = 86_400.0, 3600.0
ZONES = ("UTC", "Asia/Seoul", "Europe/Berlin", "America/New_York")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
END = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
DONE = TaskResult(TaskOutcome.DONE, text_reason("done"))

LINES = {**CRON_OF, "in the gap": "30 2 * * *", "by day": "15 */6 * * *"}
TASKS = tuple(
    Task(f"{zone} {name}".replace("/", "-"), kind, cron, zone)
    for zone in ZONES
    for name, cron in LINES.items()
    for kind in (TaskKind.HTTP,)
)
AWAY = (
    ("2026-03-08T05:00", 5.75),
    ("2026-03-28T22:00", 7.75),
    ("2026-06-15T00:00", 50.75),
    ("2026-10-25T00:20", 2.0),
    ("2026-11-01T04:00", 4.75),
)
"""Downtimes and suspends in UTC, with their hours: over both changes of the clock.

No task is due in the last quarter of an hour, or in the next.
"""


@pytest.fixture(autouse=True)
def zones_are_loaded(monkeypatch: pytest.MonkeyPatch) -> list[ZoneInfo]:
    """Load the zones as the configuration does; a million fewer wake-ups."""
    monkeypatch.setattr(schedule_loop, "LONGEST_SLEEP_S", HOUR_S / 6)
    return [ZoneInfo(name) for name in ZONES]


class TaskWorld:
    """The planner and the rules; each run ends a minute after its begin."""

    def __init__(self) -> None:
        self.offset = BEGIN - asyncio.get_running_loop().time()
        self.state = State(started=self.now())
        self.ended: list[TaskRun] = []
        self.begun: list[TaskRun] = []
        self.endings: set[asyncio.TimerHandle] = set()
        self.start()

    def now(self) -> Moment:
        mono = asyncio.get_running_loop().time()
        return Moment(mono, self.offset + mono)

    def start(self) -> None:
        self.planner = TaskPlanner(self, self.post)
        self.planner.set_tasks(TASKS, self.state.task_progress)
        self.running = asyncio.create_task(self.planner.run())

    async def kill(self) -> None:
        """End the process with all that it has begun, and start another later."""
        for ending in self.endings:
            ending.cancel()
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    def restart(self, died_at: Moment) -> None:
        self.state = restore_state(self.state, died_at, self.now())
        self.start()

    def post(self, event: Event) -> None:
        result = run_step(self.state, event)
        self.state = result.state
        for run in result.task_runs:
            if run.outcome is not None:
                self.ended.append(run)
                continue
            self.begun.append(run)
            loop = asyncio.get_running_loop()
            self.endings.add(loop.call_later(60.0, self.complete, run.task))

    def complete(self, task: str) -> None:
        self.post(TaskCompleted(self.now(), task, DONE))

    async def wait_until(self, wall: float) -> None:
        await asyncio.sleep(max(0.0, wall - self.now().wall))


def expected_walls(task: Task) -> list[float]:
    lines = times(task.cron, task.timezone, BEGIN)
    return list(takewhile(lambda wall: wall <= END, lines))


def away_intervals() -> Iterator[tuple[float, float]]:
    for begin, hours in AWAY:
        wall = datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp()
        yield wall, wall + hours * HOUR_S


async def live_a_year(*, kills: bool) -> TaskWorld:
    world = TaskWorld()
    for begin, end in away_intervals():
        await world.wait_until(begin)
        died_at = world.now()
        if kills:
            await world.kill()
            await world.wait_until(end)
            world.restart(died_at)
        else:
            world.offset += end - begin
    await world.wait_until(END + 120.0)
    await world.kill()
    return world


@pytest.mark.parametrize("kills", [True, False], ids=["downtime", "suspend"])
def test_every_due_run_of_a_year_begins_once_or_is_recorded_as_missed(
    *, kills: bool
) -> None:
    world = run_virtual(live_a_year(kills=kills))
    away = list(away_intervals())
    for task in TASKS:
        due = expected_walls(task)
        began = [r.due_wall for r in world.begun if r.task == task.name]
        missed = [
            r
            for r in world.ended
            if r.task == task.name and r.outcome is TaskOutcome.MISSED
        ]
        away_walls = [w for w in due if any(a < w < b for a, b in away)]
        assert len(began) == len(set(began))
        assert sorted((*began, *away_walls)) == pytest.approx(due)
        assert sum(run.missed for run in missed) == len(away_walls)
        assert {run.due_wall for run in missed} <= set(away_walls)
        done_runs = [r for r in world.ended if r.outcome is TaskOutcome.DONE]
        assert len([r for r in done_runs if r.task == task.name]) == len(began)


def test_daily_task_runs_on_each_local_day_of_the_year() -> None:
    """Not computed by the schedule's own code: one run for each date."""
    for task in TASKS:
        if task.cron not in {CRON_OF["daily"], "30 2 * * *"}:
            continue
        zone = ZoneInfo(task.timezone)
        dates = [datetime.fromtimestamp(w, zone).date() for w in expected_walls(task)]
        assert len(dates) == len(set(dates))
        assert all(b - a == timedelta(days=1) for a, b in pairwise(dates))
