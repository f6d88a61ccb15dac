"""The periods of maintenance windows: on every day of the year, in four zones."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model.event import Event
from sidecar.core.model.maintenance_window import WindowPeriod, WindowSettings
from sidecar.core.model.moment import Moment
from sidecar.core.model.task_event import WindowsPlanned
from sidecar.schedule.windows import COMING_PERIODS, WindowPlanner, find_periods
from sidecar.simulation.virtual_time import run_virtual

HOUR_S, DAY_S = 3600.0, 86_400.0
ZONES = ("UTC", "Asia/Seoul", "Europe/Berlin", "America/New_York")
YEAR_BEGINS = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
NIGHT = WindowSettings("30 2 * * *", 2 * HOUR_S, "Europe/Berlin", ("db",))


@pytest.fixture(autouse=True, scope="module")
def zones_are_loaded() -> list[ZoneInfo]:
    return [ZoneInfo(name) for name in ZONES]


def test_period_that_lasts_is_first_and_the_next_follow() -> None:
    begin = datetime(2026, 6, 1, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    periods = find_periods((NIGHT,), begin + HOUR_S)
    assert periods[0] == WindowPeriod(begin, begin + 2 * HOUR_S, ("db",))
    assert periods[0].includes(begin)
    assert not periods[0].includes(begin + 2 * HOUR_S)
    assert len(periods) == COMING_PERIODS
    assert find_periods((NIGHT,), begin + 2 * HOUR_S)[0].begin_wall == begin + DAY_S


@pytest.mark.parametrize("zone", ZONES)
def test_window_begins_once_on_each_day_of_the_year(zone: str) -> None:
    """Also where spring skips 02:30, and where autumn has it twice."""
    window = WindowSettings("30 2 * * *", 2 * HOUR_S, zone)
    begins, now = [], YEAR_BEGINS
    while now < YEAR_BEGINS + 365 * DAY_S:
        period = find_periods((window,), now)[0]
        begins.append(period.begin_wall)
        assert period.end_wall - period.begin_wall == 2 * HOUR_S
        now = period.end_wall
    dates = [datetime.fromtimestamp(wall, ZoneInfo(zone)).date() for wall in begins]
    first = dates[0]
    assert dates == [first + timedelta(days=nth) for nth in range(len(dates))]
    assert len(dates) in {365, 366}


class World:
    """A planner on the virtual loop; it keeps what is posted."""

    def __init__(self) -> None:
        self.offset = YEAR_BEGINS
        self.posted: list[WindowsPlanned] = []
        self.planner = WindowPlanner(self, self.post)

    def now(self) -> Moment:
        mono = asyncio.get_running_loop().time()
        return Moment(mono, self.offset + mono)

    def post(self, event: Event) -> None:
        assert isinstance(event, WindowsPlanned)
        self.posted.append(event)


def test_planner_posts_periods_at_once_and_after_each_end() -> None:
    async def main() -> World:
        world = World()
        running = asyncio.create_task(world.planner.run())
        await asyncio.sleep(1)
        assert world.posted == []
        world.planner.set_windows((NIGHT,))
        assert len(world.posted) == 1
        await asyncio.sleep(2 * DAY_S)
        assert len(world.posted) == 3
        world.offset -= DAY_S
        await asyncio.sleep(120)
        assert len(world.posted) == 4
        world.planner.set_windows(())
        assert world.posted[-1].periods == ()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return world

    world = run_virtual(main())
    assert len(world.posted) == 5
