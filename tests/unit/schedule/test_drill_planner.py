"""The planner of drills hands each over on time and once, or not at all."""

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillPlan
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import Target
from sidecar.core.ports.drill_planning import PlannedDrillTime
from sidecar.schedule.drill_planner import DrillPlanner
from sidecar.simulation.virtual_time import run_virtual

DAY_S = 86400.0
MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
DAILY = DrillPlan("0 5 * * *", DrillFault.KILL)
SEOUL = DrillPlan("0 5 * * *", DrillFault.HANG, "Asia/Seoul")


@pytest.fixture(autouse=True, scope="module")
def zones_are_loaded() -> list[ZoneInfo]:
    """Load the zones as the configuration does: the loop must not read files."""
    return [ZoneInfo(name) for name in ("Asia/Seoul", "UTC")]


class World:
    """A planner on the virtual loop, and a wall clock that can be set."""

    def __init__(self) -> None:
        self.offset = MIDNIGHT - asyncio.get_running_loop().time()
        self.begun: list[tuple[str, DrillPlan, float]] = []
        self.planner = DrillPlanner(self, self.begin)

    def now(self) -> Moment:
        mono = asyncio.get_running_loop().time()
        return Moment(mono, self.offset + mono)

    def begin(self, target: str, plan: DrillPlan) -> None:
        self.begun.append((target, plan, self.now().wall))

    async def run_for(self, seconds: float) -> None:
        task = asyncio.create_task(self.planner.run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def target(name: str, plan: DrillPlan | None) -> Target:
    return Target(name, service=name, drill=plan)


def test_each_planned_drill_is_handed_over_once_and_on_time() -> None:
    async def main() -> list[tuple[str, DrillPlan, float]]:
        world = World()
        world.planner.set_targets(
            [target("a", DAILY), target("b", SEOUL), target("c", None)]
        )
        await world.run_for(DAY_S)
        return world.begun

    begun = run_virtual(main())
    assert [(name, plan) for name, plan, _ in begun] == [("a", DAILY), ("b", SEOUL)]
    assert begun[0][2] == pytest.approx(MIDNIGHT + 5 * 3600, abs=1.0)
    assert begun[1][2] == pytest.approx(MIDNIGHT + 20 * 3600, abs=1.0)


def test_late_drill_is_left_out() -> None:
    async def main() -> list[tuple[str, DrillPlan, float]]:
        world = World()
        world.planner.set_targets([target("a", DAILY)])
        world.offset += 5 * 3600 + 120  # the host was suspended until 5:02
        await world.run_for(3600)
        return world.begun

    assert not run_virtual(main())


def test_next_drills_are_in_order_and_follow_the_settings() -> None:
    async def main() -> None:
        world = World()
        world.planner.set_targets([target("b", SEOUL), target("a", DAILY)])
        assert world.planner.next_drills() == (
            PlannedDrillTime("a", MIDNIGHT + 5 * 3600, DAILY),
            PlannedDrillTime("b", MIDNIGHT + 20 * 3600, SEOUL),
        )
        world.planner.set_targets([target("b", None)])
        assert not world.planner.next_drills()

    run_virtual(main())
