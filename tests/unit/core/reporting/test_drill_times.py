"""Reports without drills: their time counts neither as available nor as down."""

from collections.abc import Iterable
from dataclasses import replace

from sidecar.core.model.cause import Cause
from sidecar.core.model.drill import DrillRecord
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.journal_entry import (
    JournalStep,
    MonitoredInterval,
    RemedySummary,
    StateChange,
    TargetSteps,
)
from sidecar.core.reporting.availability import (
    CurrentStatus,
    Period,
    Report,
    ReportBuilder,
)
from sidecar.core.reporting.drill_times import DrillFilter
from tests.support.drill_world import DrillWorld, drill_record
from tests.support.memory_journal import as_steps

FAILS = StateChange("healthy", "failing", Cause.REFUSED)
DOWN = StateChange("failing", "down", Cause.REFUSED)
ACTS = StateChange("down", "recovering", Cause.REFUSED)
RESTARTED = RemedySummary("restart", "failure", "recovered")
WORKS = StateChange("recovering", "healthy", None)
OUTAGE = ((0.0, FAILS), (4.0, DOWN), (4.0, ACTS), (10.0, RESTARTED), (10.0, WORKS))
BEGIN, END = 10_000.0, 20_000.0


def record(from_wall: float, until_wall: float, *others: str) -> DrillRecord:
    return drill_record("wallet", from_wall, until_wall, *others)


def outage_at(wall: float) -> list[tuple[float, JournalStep]]:
    return [(wall + after_s, step) for after_s, step in OUTAGE]


def report_of(
    steps: list[tuple[float, JournalStep]],
    records: Iterable[DrillRecord],
    target: str = "wallet",
    *,
    state: str = "healthy",
) -> Report:
    """The report of 10,000 s; the steps come in pieces of two."""
    builder = ReportBuilder(Period(BEGIN, END), [MonitoredInterval(0.0, END)])
    without_drills = DrillFilter(records, None, END)
    for nth in range(0, len(steps), 2):
        piece: list[tuple[str, TargetSteps]] = [
            (target, as_steps(steps[nth : nth + 2]))
        ]
        builder.add(without_drills.apply(piece))
    builder.add(without_drills.close())
    return builder.close({target: CurrentStatus(state, None, 0.0)})


def test_outage_of_a_drill_is_no_outage_and_its_time_does_not_count() -> None:
    steps = [*outage_at(11_000.0), *outage_at(15_000.0)]
    totals = report_of(steps, [record(10_995.0, 11_020.0)]).targets["wallet"].now
    assert totals.outages == 1
    assert totals.down_s == 10.0
    assert totals.planned_s == 20.0
    assert totals.up_s == 10_000.0 - 10.0 - 20.0
    assert totals.remedies[RESTARTED] == 1


def test_dependent_that_the_drill_reached_is_excused_as_well() -> None:
    records = [record(10_995.0, 11_020.0, "service")]
    steps = outage_at(11_000.0)
    assert report_of(steps, records, "service").total.now.outages == 0
    assert report_of(steps, records, "shop").total.now.outages == 1


def test_drill_after_which_the_target_stays_down_becomes_an_outage() -> None:
    steps = [(11_000.0, FAILS), (11_004.0, DOWN)]
    records = [record(10_995.0, 11_100.0)]
    totals = report_of(list(steps), records, state="down").targets["wallet"].now
    assert totals.planned_s == 100.0
    assert totals.down_s == END - 11_100.0
    assert totals.outages == 1


def test_refused_drill_excuses_nothing() -> None:
    refused = replace(record(10_995.0, 11_020.0), injected_wall=None)
    assert report_of(outage_at(11_000.0), [refused]).total.now.outages == 1


def test_current_drill_excuses_what_it_causes() -> None:
    world = DrillWorld()
    world.begin(DrillFault.REFUSE)
    drill = world.drill
    wall = drill.began.wall
    without_drills = DrillFilter((), drill, wall + 100.0)
    steps = [(wall + 1.0, FAILS), (wall + 5.0, DOWN)]
    (kept,) = without_drills.apply([(drill.name, as_steps(steps))])
    assert kept[1].steps == [StateChange("healthy", "starting", None)]
