"""A timetable returns each time once: on time, or as missed."""

from datetime import UTC, datetime
from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from sidecar.schedule.cron import CronLine, due_times
from sidecar.schedule.timetable import LATE_S, MOST_MISSED, DueTimes, Timetable

HOUR_S = 3600.0
BEGIN = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
HOURLY = CronLine("0 * * * *")


def hourly_timetable(taken_wall: float | None = None) -> Timetable:
    table = Timetable(BEGIN)
    taken_walls = {} if taken_wall is None else {"a": taken_wall}
    table.set_lines({"a": HOURLY}, BEGIN, taken_walls)
    return table


def test_time_is_taken_once_when_it_has_come() -> None:
    table = hourly_timetable()
    assert table.take_due(BEGIN + HOUR_S - 1) == []
    assert table.take_due(BEGIN + HOUR_S) == [DueTimes("a", BEGIN + HOUR_S, ())]
    assert table.take_due(BEGIN + HOUR_S) == []


def test_late_times_are_missed_and_the_one_on_time_is_not() -> None:
    table = hourly_timetable()
    (due,) = table.take_due(BEGIN + 3 * HOUR_S + LATE_S)
    missed_walls = (BEGIN + HOUR_S, BEGIN + 2 * HOUR_S)
    assert due == DueTimes("a", BEGIN + 3 * HOUR_S, missed_walls)
    (due,) = table.take_due(BEGIN + 4 * HOUR_S + LATE_S + 1)
    assert due == DueTimes("a", None, (BEGIN + 4 * HOUR_S,))


def test_line_with_a_taken_time_begins_there() -> None:
    table = hourly_timetable(BEGIN - 2 * HOUR_S)
    (due,) = table.take_due(BEGIN)
    assert due == DueTimes("a", BEGIN, (BEGIN - HOUR_S,))


def test_taken_time_of_the_future_is_not_taken_again() -> None:
    """The clock was ahead when it was taken."""
    table = hourly_timetable(BEGIN + HOUR_S)
    assert table.take_due(BEGIN + HOUR_S) == []
    (due,) = table.take_due(BEGIN + 2 * HOUR_S)
    assert due == DueTimes("a", BEGIN + 2 * HOUR_S, ())


def test_missed_times_of_years_are_counted_up_to_a_limit() -> None:
    table = hourly_timetable(BEGIN - 2 * MOST_MISSED * HOUR_S)
    (due,) = table.take_due(BEGIN + 1)
    assert due.on_time is None
    assert len(due.missed_walls) == MOST_MISSED
    assert table.next_wall == BEGIN + HOUR_S


def test_changed_line_begins_now() -> None:
    table = hourly_timetable()
    assert not table.set_lines({"a": HOURLY}, BEGIN + 2 * HOUR_S)
    assert table.set_lines({"a": CronLine("30 * * * *")}, BEGIN + 2 * HOUR_S)
    assert table.next_wall == BEGIN + 2.5 * HOUR_S
    assert table.set_lines({"b": HOURLY}, BEGIN)
    assert next(table.next_walls("a"), None) is None


@given(st.lists(st.floats(-2 * HOUR_S, 5 * HOUR_S), max_size=30))
def test_no_time_is_taken_twice_however_the_clock_steps(steps: list[float]) -> None:
    table, now, taken_walls = hourly_timetable(), BEGIN, []
    highest = now
    for step_s in steps:
        now += step_s
        highest = max(highest, now)
        for due in table.take_due(now):
            taken_walls += [*due.missed_walls, *([due.on_time] if due.on_time else [])]
    assert len(taken_walls) == len(set(taken_walls))
    lines = takewhile(lambda w: w <= highest, due_times("a", HOURLY, BEGIN))
    assert set(lines) <= set(taken_walls)
