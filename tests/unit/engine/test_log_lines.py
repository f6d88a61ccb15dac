"""Lines from the bytes of a log."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.log_mark import LogLine
from sidecar.engine.log_lines import LINE_BYTES, read_lines, read_stamp

STAMP = b"2026-01-02T03:04:05.123456789Z"
NANO = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()) * 10**9 + 123456789


def texts(*pieces: bytes) -> list[bytes]:
    return [line.text for line in read_lines(pieces)]


@pytest.mark.parametrize(
    ("stamp", "nano"),
    [
        (STAMP, NANO),
        (b"2026-01-02T03:04:05Z", NANO - 123456789),
        (b"2026-01-02T03:04:05.1Z", NANO - 23456789),
        (b"2026-01-02T12:04:05.123456789+09:00", NANO),
        (b"2026-01-02T03:04:05.123456789999Z", NANO),
        (b"2026-01-02T03:04:05", None),
        (b"2026-01-02T03:04:05.12.3Z", None),
        (b"2026-13-02T03:04:05Z", None),
        (b"starting", None),
        (b"", None),
        (b"\xff\xfe", None),
    ],
)
def test_stamp_is_read_to_the_nanosecond(stamp: bytes, nano: int | None) -> None:
    assert read_stamp(stamp) == nano


def test_line_has_its_time_text_and_size() -> None:
    (line,) = read_lines([STAMP + b" all is well\n"])
    assert line == LogLine(NANO, b"all is well", len(STAMP) + 13)


def test_line_end_of_a_terminal_is_left_out() -> None:
    assert texts(STAMP + b" one\r\n" + STAMP + b" a\rb\r\n") == [b"one", b"a\rb"]


def test_empty_line_is_a_line() -> None:
    assert texts(STAMP + b" \n" + STAMP + b" x\n") == [b"", b"x"]


def test_line_without_a_stamp_has_the_time_of_the_line_before() -> None:
    lines = list(read_lines([b"lost\n", STAMP + b" one\ntwo\n"]))
    assert [(line.at_nano, line.text) for line in lines] == [
        (NANO, b"one"),
        (NANO, b"two"),
    ]


def test_long_line_is_cut_and_its_whole_size_counts() -> None:
    long = STAMP + b" " + b"x" * (3 * LINE_BYTES)
    pieces = [long[i : i + 5000] for i in range(0, len(long), 5000)]
    first, second = read_lines([*pieces, b"\n", STAMP + b" next\n"])
    assert first.text == b"x" * LINE_BYTES
    assert first.size_bytes == len(long) + 1
    assert second.text == b"next"


def test_last_line_without_an_end_is_a_line() -> None:
    assert texts(STAMP + b" half") == [b"half"]


@given(st.lists(st.binary(max_size=60)), st.data())
def test_lines_do_not_depend_on_the_pieces(
    words: list[bytes], data: st.DataObject
) -> None:
    log = b"".join(STAMP + b" " + w.replace(b"\n", b"") + b"\n" for w in words)
    cuts = data.draw(st.lists(st.integers(0, len(log)), max_size=10).map(sorted))
    pieces = [log[a:b] for a, b in zip([0, *cuts], [*cuts, len(log)], strict=True)]
    assert list(read_lines(pieces)) == list(read_lines([log]))
