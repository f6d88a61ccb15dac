"""Planned restarts are posted once, on time or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from loguru import logger

from sidecar.core.model.event import Event, PlannedRestartDue
from sidecar.core.model.maintenance_task import (
    Task,
    TaskKind,
    TaskProgress,
    taken_walls,
)
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import PlannedRestartSettings, Target
from sidecar.core.model.task_event import TaskDue
from sidecar.core.ports.loop import PlannedTime
from sidecar.schedule import schedule_loop
from sidecar.schedule.cron import CronLine, due_times
from sidecar.schedule.planner import Planner
from sidecar.schedule.schedule_loop import LONGEST_SLEEP_S
from sidecar.schedule.task_planner import TaskPlanner
from sidecar.schedule.timetable import LATE_S
from sidecar.simulation.virtual_time import run_virtual

DAY_S = 86400.0
HOUR_S = 3600.0
MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
ZONES = ["Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]


@pytest.fixture(autouse=True, scope="module")
def zones_are_loaded() -> list[ZoneInfo]:
    """Load the zones as the configuration does: the loop must not read files."""
    return [ZoneInfo(name) for name in (*ZONES, "UTC")]


class World:
    """A planner on the virtual loop, and a wall clock that can be set."""

    def __init__(self, wall: float = MIDNIGHT) -> None:
        self.offset = wall - asyncio.get_running_loop().time()
        self.posted: list[PlannedRestartDue] = []
        self.planner = Planner(self, self.post)
        self.running = asyncio.create_task(self.planner.run())

    def now(self) -> Moment:
        mono = asyncio.get_running_loop().time()
        return Moment(mono, self.offset + mono)

    def post(self, event: Event) -> None:
        assert isinstance(event, PlannedRestartDue)
        self.posted.append(event)

    def step(self, seconds: float) -> None:
        """Set the wall clock; a suspend looks the same to the loop."""
        self.offset += seconds

    @property
    def walls(self) -> list[float]:
        return [event.at.wall for event in self.posted]

    def watch(self, cron: str) -> None:
        self.planner.set_targets([target_with_plan(cron)])


def target_with_plan(cron: str, name: str = "a") -> Target:
    return Target(name, service=name, preventive=PlannedRestartSettings(cron))


def line_of(plan: PlannedRestartSettings) -> CronLine:
    assert plan.cron is not None
    return CronLine(plan.cron, plan.timezone, plan.jitter_s)


def run_in_world(
    story: Callable[[World], Awaitable[None]], wall: float = MIDNIGHT
) -> World:
    async def main() -> World:
        world = World(wall)
        await story(world)
        world.running.cancel()
        await asyncio.gather(world.running, return_exceptions=True)
        return world

    return run_virtual(main())


@pytest.mark.parametrize(
    ("begins", "days"), [("2026-01-01", 181), ("2026-07-01", 184)], ids=["1st", "2nd"]
)
def test_restarts_of_a_year_are_posted_on_time_in_four_time_zones(
    begins: str, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A million fewer wake-ups.
    monkeypatch.setattr(schedule_loop, "LONGEST_SLEEP_S", HOUR_S)
    begin = datetime.fromisoformat(begins).replace(tzinfo=UTC).timestamp()
    lines = {"Europe/Berlin": "30 2 * * *", "America/New_York": "30 1 * * *"}
    plans = {
        zone: PlannedRestartSettings(lines.get(zone, "0 3 * * *"), zone, jitter_s=300.0)
        for zone in ZONES
    }

    async def story(world: World) -> None:
        world.planner.set_targets(
            Target(zone, service=zone, preventive=plan) for zone, plan in plans.items()
        )
        await asyncio.sleep(days * DAY_S)

    world = run_in_world(story, begin)
    end = begin + days * DAY_S
    for zone, plan in plans.items():
        walls = [event.at.wall for event in world.posted if event.target == zone]
        expected = due_times(zone, line_of(plan), begin)
        due = list(takewhile(lambda at: at <= end, expected))
        assert walls == pytest.approx(due, abs=0.02)
        dates = {datetime.fromtimestamp(at, ZoneInfo(zone)).date() for at in walls}
        assert len(dates) == len(walls) == days


def test_planned_restart_is_posted_at_its_time() -> None:
    async def story(world: World) -> None:
        world.watch("0 3 * * *")
        await asyncio.sleep(3 * HOUR_S - 1)
        assert world.posted == []
        await asyncio.sleep(2)

    assert run_in_world(story).walls == pytest.approx([MIDNIGHT + 3 * HOUR_S], abs=0.02)


def test_restart_due_before_the_next_wakeup_is_posted_on_time() -> None:
    """A schedule that appears wakes the planner."""

    async def story(world: World) -> None:
        await asyncio.sleep(1)
        world.watch("*/5 * * * * *")
        await asyncio.sleep(5)

    assert run_in_world(story).walls == pytest.approx([MIDNIGHT + 5], abs=0.02)


@pytest.mark.parametrize("gone_s", [HOUR_S, LATE_S + LONGEST_SLEEP_S + 1])
def test_missed_restart_is_skipped_with_a_log_line(gone_s: float) -> None:
    lines: list[str] = []
    logger.add(lines.append, format="{message}")

    async def story(world: World) -> None:
        world.watch("0 3 * * *")
        await asyncio.sleep(3 * HOUR_S - 1)
        world.step(gone_s)
        await asyncio.sleep(HOUR_S)
        assert world.posted == []
        await asyncio.sleep(DAY_S)

    world = run_in_world(story)
    assert world.walls == pytest.approx([MIDNIGHT + DAY_S + 3 * HOUR_S], abs=0.02)
    assert len(lines) == 1
    assert "planned restart of a at 2026-06-01T03:00:00.000Z left out" in lines[0]
    assert "not caught up" in lines[0]


def test_slightly_late_restart_is_posted() -> None:
    async def story(world: World) -> None:
        world.watch("0 3 * * *")
        await asyncio.sleep(3 * HOUR_S - 1)
        world.step(20)
        await asyncio.sleep(LONGEST_SLEEP_S)

    assert len(run_in_world(story).posted) == 1


def test_restart_due_before_our_start_is_not_posted() -> None:
    async def story(world: World) -> None:
        world.watch("0 3 * * *")
        await asyncio.sleep(HOUR_S)

    assert run_in_world(story, MIDNIGHT + 3 * HOUR_S + 1).posted == []


@pytest.mark.parametrize("back_s", [5.0, 100.0, 2 * HOUR_S])
def test_clock_set_back_posts_no_restart_twice(back_s: float) -> None:
    async def story(world: World) -> None:
        world.watch("0 3 * * *")
        await asyncio.sleep(3 * HOUR_S + 5)
        assert len(world.posted) == 1
        world.step(-back_s)
        await asyncio.sleep(4 * HOUR_S)
        assert len(world.posted) == 1
        await asyncio.sleep(DAY_S)

    assert len(run_in_world(story).posted) == 2


def test_clock_that_was_ahead_for_years_loses_no_restart() -> None:
    async def story(world: World) -> None:
        world.step(1000 * DAY_S)
        world.watch("0 3 * * *")
        await asyncio.sleep(60)
        world.step(-1000 * DAY_S)
        await asyncio.sleep(3 * HOUR_S)

    assert len(run_in_world(story).posted) == 1


def test_skip_next_skips_one_restart() -> None:
    async def story(world: World) -> None:
        world.watch("0 3 * * *")
        due = MIDNIGHT + 3 * HOUR_S
        first = world.planner.skip_next("a")
        assert first == PlannedTime("a", due, "0 3 * * *", "UTC", skipped=True)
        assert world.planner.skip_next("a") == first
        assert [p.skipped for p in world.planner.upcoming_times(2)] == [True, False]
        await asyncio.sleep(DAY_S)
        assert world.posted == []
        assert [p.skipped for p in world.planner.upcoming_times(2)] == [False, False]
        world.step(-22 * HOUR_S)
        await asyncio.sleep(DAY_S)
        assert world.posted == []
        assert world.planner.skip_next("nobody") is None
        await asyncio.sleep(DAY_S)

    assert len(run_in_world(story).posted) == 1


def test_unchanged_target_keeps_its_skip_and_changed_target_loses_it() -> None:
    async def story(world: World) -> None:
        world.watch("0 3 * * *")
        world.planner.skip_next("a")
        world.watch("0 3 * * *")
        assert world.planner.upcoming_times(1)[0].skipped
        world.watch("0 4 * * *")
        assert not world.planner.upcoming_times(1)[0].skipped
        world.planner.set_targets([Target("a", service="a")])
        assert world.planner.upcoming_times(1) == ()
        assert world.planner.skip_next("a") is None
        await asyncio.sleep(DAY_S)

    assert run_in_world(story).posted == []


def test_changed_plan_of_the_same_time_loses_its_skip() -> None:
    async def story(world: World) -> None:
        world.watch("0 3 * * *")
        world.planner.skip_next("a")
        plan = PlannedRestartSettings("0 3 * * *", before_limit=True)
        world.planner.set_targets([Target("a", service="a", preventive=plan)])
        assert not world.planner.upcoming_times(1)[0].skipped

    run_in_world(story)


def test_task_due_before_the_next_wakeup_is_posted_on_time() -> None:
    """A schedule that appears wakes the planner of tasks as well."""

    async def main() -> list[float]:
        posted: list[TaskDue] = []

        def post(event: Event) -> None:
            if isinstance(event, TaskDue):
                posted.append(event)

        world = World()
        world.running.cancel()
        planner = TaskPlanner(world, post)
        running = asyncio.create_task(planner.run())
        await asyncio.sleep(1)
        task = Task("beat", TaskKind.HTTP, "*/5 * * * * *")
        planner.set_tasks((task,), {})
        await asyncio.sleep(5)
        running.cancel()
        return [event.at.wall for event in posted]

    assert run_virtual(main()) == pytest.approx([MIDNIGHT + 5], abs=0.02)


@pytest.mark.parametrize(
    ("cron", "timezone", "taken"),
    [
        ("0 3 * * *", "UTC", {"beat": 5.0}),
        ("0 4 * * *", "UTC", {}),
        ("0 3 * * *", "Asia/Seoul", {}),
    ],
)
def test_progress_of_another_schedule_says_nothing_of_what_was_missed(
    cron: str, timezone: str, taken: dict[str, float]
) -> None:
    task = Task("beat", TaskKind.HTTP, "0 3 * * *")
    progress = {"beat": TaskProgress(cron, timezone, 5.0)}
    assert taken_walls({"beat": task}, progress) == taken


def test_upcoming_lists_times_of_all_targets_in_order() -> None:
    async def story(world: World) -> None:
        world.planner.set_targets(
            [
                target_with_plan("0 4 * * *", "late"),
                target_with_plan("0 3 * * *", "early"),
            ]
        )
        plans = world.planner.upcoming_times(2)
        assert [p.target for p in plans] == ["early", "late", "early", "late"]
        assert plans[0].at_wall == MIDNIGHT + 3 * HOUR_S

    run_in_world(story)


def test_restart_in_a_window_is_marked_and_still_posted() -> None:
    """The policy skips it with the reason; the schedule only says so beforehand."""

    async def story(world: World) -> None:
        world.planner = Planner(world, world.post, lambda *_: True)
        running = asyncio.create_task(world.planner.run())
        world.watch("0 3 * * *")
        (planned,) = world.planner.upcoming_times(1)
        assert (planned.skipped, planned.in_window) == (True, True)
        await asyncio.sleep(DAY_S)
        running.cancel()

    assert len(run_in_world(story).posted) == 1
