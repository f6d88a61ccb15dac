"""Reading a log piece by piece: no line twice, none lost unnoticed, no secret."""

import pytest

from sidecar.telemetry.secret_mask import Mask
from sidecar.web.log_lines import LogBatch, LogLine, LogPosition, read_batch

FIRST = "2026-01-02T03:04:05.000000001Z"
SECOND = "2026-01-02T03:04:05.000000002Z"
THIRD = "2026-01-02T03:04:06.000000000Z"
mask = Mask(["open-sesame"])


def log_of(*lines: tuple[str, str]) -> str:
    return "".join(f"{at} {text}\n" for at, text in lines)


def read(log: str, position: LogPosition = LogPosition()) -> LogBatch:  # noqa: B008
    return read_batch(log, position, mask)


def texts(batch: LogBatch) -> list[str]:
    return [line.text for line in batch.lines]


def test_each_line_has_its_time() -> None:
    batch = read(log_of((FIRST, "one"), (SECOND, "two  words")))
    assert batch.lines == (LogLine(FIRST, "one"), LogLine(SECOND, "two  words"))
    assert batch.is_complete


def test_line_of_the_same_instant_is_read_once() -> None:
    before = read(log_of((FIRST, "one"), (SECOND, "two")))
    both = log_of((SECOND, "two"), (SECOND, "three"), (THIRD, "four"))
    batch = read(both, before.position)
    assert texts(batch) == ["three", "four"]
    assert batch.is_complete
    assert texts(read(log_of((THIRD, "four")), batch.position)) == []


def test_missing_line_is_noticed() -> None:
    before = read(log_of((FIRST, "one")))
    batch = read(log_of((THIRD, "four")), before.position)
    assert texts(batch) == ["four"]
    assert not batch.is_complete


def test_position_is_the_time_in_seconds_with_nine_decimals() -> None:
    assert LogPosition().since == ""
    assert read(log_of((SECOND, "x"))).position.since == "1767323045.000000002"
    assert LogPosition("2026-01-02T03:04:05Z").since == "1767323045.000000000"


def test_empty_log_leaves_the_position() -> None:
    before = read(log_of((FIRST, "one"))).position
    assert read("", before).position == before
    assert read("").lines == ()


def test_line_without_a_time_follows_the_line_before_it() -> None:
    batch = read(f"{FIRST} one\nand more\n{SECOND} two\n")
    assert batch.lines[1] == LogLine(FIRST, "and more")


def test_text_is_masked_and_printable() -> None:
    assert texts(read(log_of((FIRST, "\x1b[31mpw open-sesame\u202e")))) == ["pw ***"]


KEY = (
    "-----BEGIN PRIVATE KEY-----",
    "MIIEvQIBADANBgkqhkiG9w0",
    "BAQEFAASCBKcwggSjAgEA",
)


@pytest.mark.parametrize("cut", range(1, len(KEY) + 1))
def test_secret_of_several_lines_is_masked_although_it_comes_in_two_readings(
    cut: int,
) -> None:
    lines = [*KEY, "-----END PRIVATE KEY-----", "after"]
    stamped = [(f"2026-01-02T03:04:0{n}.0Z", line) for n, line in enumerate(lines)]
    before = read(log_of(*stamped[:cut]))
    batch = read(log_of(*stamped[cut - 1 :]), before.position)
    output = "\n".join(texts(before) + texts(batch))
    for line in KEY[1:]:
        assert line not in output
    assert texts(batch)[-1] == "after"
