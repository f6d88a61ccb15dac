"""Availability by days."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model.journal_entry import (
    MonitoredInterval,
    RemedySummary,
    StateChange,
    TargetSteps,
)
from sidecar.core.reporting.availability import CurrentStatus, Period, ReportBuilder
from sidecar.core.reporting.daily_availability import (
    DailyBuilder,
    TargetDays,
    day_bounds,
    find_day,
    last_dates,
)

SEOUL = ZoneInfo("Asia/Seoul")
BERLIN = ZoneInfo("Europe/Berlin")
DAY_S = 86_400.0
NOON = 1_700_017_200.0
"""2023-11-15 12:00 in Seoul."""

FOUND_DATES = last_dates(NOON, SEOUL, 3)
BOUNDS = day_bounds(FOUND_DATES, SEOUL)
ALWAYS = (MonitoredInterval(0.0, NOON),)
HEALTHY = {"shop": CurrentStatus("healthy", None, 0.0)}


def test_last_dates_end_with_today_in_the_zone() -> None:
    expected = (date(2023, 11, 13), date(2023, 11, 14), date(2023, 11, 15))
    assert last_dates(NOON, SEOUL, 3) == expected
    assert last_dates(NOON - 13 * 3600.0, SEOUL, 1) == (date(2023, 11, 14),)


def test_days_of_a_clock_change_have_23_and_25_hours() -> None:
    spring = day_bounds((date(2026, 3, 29),), BERLIN)
    autumn = day_bounds((date(2026, 10, 25),), BERLIN)
    assert spring[1] - spring[0] == 23 * 3600
    assert autumn[1] - autumn[0] == 25 * 3600


@pytest.mark.parametrize(
    ("wall", "day"),
    [
        (BOUNDS[0] - 1.0, None),
        (BOUNDS[0], 0),
        (BOUNDS[1] - 0.1, 0),
        (BOUNDS[1], 1),
        (BOUNDS[3], None),
    ],
)
def test_find_day_gives_the_day_that_includes_the_time(
    wall: float, day: int | None
) -> None:
    assert find_day(BOUNDS, wall) == day


def build(*steps: tuple[float, object]) -> TargetDays:
    builder = DailyBuilder(BOUNDS, ALWAYS)
    walls, changes = [wall for wall, _ in steps], [step for _, step in steps]
    builder.add([("shop", TargetSteps(walls, changes))])  # type: ignore[arg-type]
    return builder.close(NOON, HEALTHY)["shop"]


def test_outage_across_midnight_counts_on_both_days() -> None:
    midnight = BOUNDS[1]
    days = build(
        (midnight - 600.0, StateChange("healthy", "down", "hung")),
        (midnight + 300.0, StateChange("down", "healthy", None)),
    )
    assert list(days.down_s) == [600.0, 300.0, 0.0]
    assert days.availability(0) == pytest.approx(1 - 600 / DAY_S)
    assert days.availability(2) == 1.0


def test_today_counts_until_now() -> None:
    days = build((BOUNDS[2], StateChange("starting", "healthy", None)))
    assert days.up_s[2] == pytest.approx(12 * 3600.0)


def test_stop_on_purpose_is_neither_up_nor_down() -> None:
    days = build(
        (BOUNDS[1], StateChange("healthy", "stopped", "stopped")),
        (BOUNDS[2], StateChange("stopped", "healthy", None)),
    )
    assert days.availability(1) is None
    assert days.planned_s[1] == DAY_S
    assert days.down_s[1] == 0.0


def test_day_without_monitoring_has_no_availability() -> None:
    builder = DailyBuilder(BOUNDS, (MonitoredInterval(BOUNDS[1], NOON),))
    days = builder.close(NOON, HEALTHY)["shop"]
    assert days.availability(0) is None
    assert days.availability(1) == 1.0


def test_replace_last_changes_today_alone() -> None:
    days, today = TargetDays(3), TargetDays(1)
    days.up_s[0], today.up_s[0], today.down_s[0] = 5.0, 7.0, 2.0
    days.replace_last(today)
    assert list(days.up_s) == [5.0, 0.0, 7.0]
    assert days.down_s[2] == 2.0


def test_all_days_together_are_what_the_report_says() -> None:
    steps = TargetSteps(
        [BOUNDS[0] + 3600.0, BOUNDS[1] - 60.0, BOUNDS[1] + 60.0, BOUNDS[2] + 60.0],
        [
            StateChange("healthy", "failing", "hung"),
            StateChange("failing", "recovering", "hung"),
            RemedySummary("restart", "failure", "recovered"),
            StateChange("recovering", "healthy", None),
        ],
    )
    builder = DailyBuilder(BOUNDS, ALWAYS)
    builder.add([("shop", steps)])
    days = builder.close(NOON, HEALTHY)["shop"]
    report = ReportBuilder(Period(BOUNDS[0], NOON), ALWAYS)
    report.add([("shop", steps)])
    totals = report.close(HEALTHY).targets["shop"].now
    assert sum(days.down_s) == pytest.approx(totals.down_s)
    assert sum(days.up_s) == pytest.approx(totals.up_s)
    assert days.total_availability == pytest.approx(totals.availability)
