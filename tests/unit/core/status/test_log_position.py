"""The position in a log: no line twice, none lost, when the log is opened again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.log_mark import LogLine, LogPosition
from sidecar.core.status.log_position import KEPT_LINES, LogCursor


def a_line(at_nano: int, text: bytes = b"words") -> LogLine:
    return LogLine(at_nano, text, len(text))


def judge(cursor: LogCursor, *lines: LogLine) -> list[LogLine]:
    return [line for line in lines if cursor.is_new(line)]


def read_again(cursor: LogCursor, log: list[LogLine]) -> list[LogLine]:
    """Open the log again as an engine does: lines since then, in the log's order."""
    cursor.open_again()
    return judge(cursor, *(x for x in log if x.at_nano >= cursor.since_nano))


def test_line_read_again_is_not_new() -> None:
    cursor, log = LogCursor(LogPosition()), [a_line(5), a_line(6), a_line(6, b"more")]
    assert judge(cursor, *log) == log
    assert read_again(cursor, log) == []


def test_equal_lines_of_one_instant_are_two_lines() -> None:
    cursor = LogCursor(LogPosition())
    assert judge(cursor, a_line(5), a_line(5)) == [a_line(5), a_line(5)]
    assert read_again(cursor, [a_line(5)] * 3) == [a_line(5)]


def test_line_with_an_earlier_time_than_the_last_is_not_lost() -> None:
    """Stdout and stderr are written by two threads of the engine."""
    cursor, late = LogCursor(LogPosition()), a_line(7, b"from stderr")
    judge(cursor, a_line(6), a_line(8))
    assert read_again(cursor, [a_line(6), a_line(8), late]) == [late]


def test_lines_up_to_the_floor_are_old() -> None:
    cursor = LogCursor(LogPosition(10))
    assert judge(cursor, a_line(9), a_line(10), a_line(11)) == [a_line(11)]


def test_position_keeps_a_bounded_number_of_lines() -> None:
    cursor = LogCursor(LogPosition())
    judge(cursor, *(a_line(at) for at in range(1, 1001)))
    assert len(cursor.position.recent) == KEPT_LINES
    assert cursor.position.floor_nano == 1000 - KEPT_LINES
    assert cursor.last_nano == 1000


@pytest.mark.parametrize(
    ("first", "is_gap"),
    [(a_line(6), False), (a_line(7), False), (a_line(8), True)],
    ids=["first known line", "second known line", "only new lines"],
)
def test_gap_is_seen_if_no_known_line_comes_first(first: LogLine, is_gap: bool) -> None:
    cursor = LogCursor(LogPosition())
    judge(cursor, a_line(6), a_line(7))
    cursor.open_again()
    assert cursor.is_gap_before(first) is is_gap
    assert not cursor.is_gap_before(a_line(99)), "only the first line shows it"


def test_first_line_of_a_fresh_log_is_no_gap() -> None:
    assert not LogCursor(LogPosition(3)).is_gap_before(a_line(9))


times = st.lists(st.integers(1, 40), max_size=30)


@given(times, st.lists(st.integers(0, 30), max_size=5), st.booleans())
def test_each_line_is_judged_once_wherever_the_reading_breaks(
    at_nanos: list[int], breaks: list[int], is_stored: bool
) -> None:
    """Over a new connection, or a new process with the stored position."""
    log = [a_line(at, b"%d" % (i % 3)) for i, at in enumerate(sorted(at_nanos))]
    cursor, judged = LogCursor(LogPosition()), list[LogLine]()
    for end in sorted(breaks):
        judged += read_again(cursor, log[:end])
        if is_stored:
            cursor = LogCursor(cursor.position)
    judged += read_again(cursor, log)
    assert sorted(judged) == sorted(log)
