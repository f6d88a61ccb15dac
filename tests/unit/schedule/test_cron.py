"""Cron lines in time zones: a whole year, and the days on which clocks change."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.schedule.cron import CronLine, due_times, times

ZONES = ["Asia/Seoul", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
YEAR_BEGINS = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
YEAR_ENDS = datetime(2027, 1, 1, tzinfo=UTC).timestamp()


def local(cron: str, zone: str, after: str, count: int) -> list[str]:
    """The next times with their offsets, after a local time."""
    begin = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone)).timestamp()
    instants = islice(times(cron, zone, begin), count)
    return [
        datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%m-%d %H:%M %z")
        for at in instants
    ]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", ["0 3 * * *", "30 2 * * *", "45 1 * * *"])
def test_a_fixed_time_comes_once_on_every_day_of_the_year(cron: str, zone: str) -> None:
    minute, hour = map(int, cron.split()[:2])
    local_times = [
        datetime.fromtimestamp(at, ZoneInfo(zone))
        for at in takewhile(lambda at: at < YEAR_ENDS, times(cron, zone, YEAR_BEGINS))
    ]
    assert set(Counter(at.date() for at in local_times).values()) == {1}
    assert len(local_times) == 365
    moved = [at for at in local_times if (at.hour, at.minute) != (hour, minute)]
    assert len(moved) <= 1
    assert all(
        timedelta(0) < _late(at, hour, minute) <= timedelta(hours=1) for at in moved
    )


def _late(at: datetime, hour: int, minute: int) -> timedelta:
    naive = at.replace(tzinfo=None)
    return naive - naive.replace(hour=hour, minute=minute)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        (  # 02:00 to 03:00 is left out
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00",
            ["03-29 03:00 +0200", "03-30 02:30 +0200"],
        ),
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00",
            ["03-08 03:00 -0400", "03-09 02:30 -0400"],
        ),
        (  # only half an hour, 02:00 to 02:30
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T12:00",
            ["10-04 02:30 +1100", "10-05 02:15 +1100"],
        ),
        (  # both in the gap or at its end: once
            "0 2,3 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00",
            ["03-29 03:00 +0200", "03-30 02:00 +0200"],
        ),
    ],
)
def test_a_fixed_time_in_the_gap_runs_when_the_gap_ends(
    cron: str, zone: str, after: str, expected: list[str]
) -> None:
    assert local(cron, zone, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00",
            ["10-25 02:30 +0200", "10-26 02:30 +0100"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00",
            ["11-01 01:30 -0400", "11-02 01:30 -0500"],
        ),
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T12:00",
            ["04-05 01:45 +1100", "04-06 01:45 +1030"],
        ),
    ],
)
def test_a_fixed_time_that_comes_twice_runs_at_the_first(
    cron: str, zone: str, after: str, expected: list[str]
) -> None:
    assert local(cron, zone, after, len(expected)) == expected


def test_asking_within_the_repeated_hour_does_not_bring_it_back() -> None:
    zone = ZoneInfo("Europe/Berlin")
    second_pass = datetime(2026, 10, 25, 2, 10, tzinfo=zone, fold=1).timestamp()
    next_time = next(times("30 2 * * *", "Europe/Berlin", second_pass))
    assert next_time == datetime(2026, 10, 26, 2, 30, tzinfo=zone).timestamp()


def test_cron_line_with_a_star_follows_the_elapsed_time() -> None:
    assert local("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 1) == [
        "03-30 02:00 +0200"
    ]
    assert local("0 * * * *", "Europe/Berlin", "2026-10-25T01:30", 3) == [
        "10-25 02:00 +0200",
        "10-25 02:00 +0100",
        "10-25 03:00 +0100",
    ]


def test_sixth_field_of_a_cron_line_has_seconds() -> None:
    next_times = list(islice(times("*/20 * * * * *", "UTC", YEAR_BEGINS + 0.5), 3))
    assert next_times == [YEAR_BEGINS + s for s in (20.0, 40.0, 60.0)]


PLAN = CronLine("0 3 * * *", "Europe/Berlin", jitter_s=300.0)


@given(st.floats(YEAR_BEGINS, YEAR_ENDS), st.text(max_size=10))
def test_the_jitter_is_bounded_stable_and_keeps_the_order(
    after: float, name: str
) -> None:
    due = list(islice(due_times(name, PLAN, after), 5))
    assert due[0] > after
    assert all(earlier < later for earlier, later in pairwise(due))
    for at in due:
        base = next(times("0 3 * * *", PLAN.timezone, at - 300.0))
        assert base <= at < base + 300.0
    # Asked again at any time before it is due, the answer is the same.
    assert next(due_times(name, PLAN, due[2] - 1e-3)) == due[2]
    assert next(due_times(name, PLAN, due[2])) == due[3]


def test_the_jitter_differs_by_target_and_day() -> None:
    a = list(islice(due_times("a", PLAN, YEAR_BEGINS), 3))
    b = list(islice(due_times("b", PLAN, YEAR_BEGINS), 3))
    assert len({at % 86400 for at in a + b}) == 6


def test_all_times_of_a_day_are_shifted_alike() -> None:
    plan = CronLine("0 */4 * * *", "UTC", jitter_s=3600.0)
    due = list(islice(due_times("a", plan, YEAR_BEGINS + 1), 5))
    assert len({at % 14400 for at in due}) == 1


def test_due_time_without_jitter_is_the_time_of_the_cron_line() -> None:
    plan = CronLine("0 3 * * *", "Asia/Seoul")
    assert next(due_times("a", plan, YEAR_BEGINS)) == YEAR_BEGINS + 18 * 3600
