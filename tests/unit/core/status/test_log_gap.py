"""Estimates of what was left out of a log."""

import pytest

from sidecar.core.status.log_gap import FEW_LINES, MANY_LINES, LogGap


def add_lines(
    gap: LogGap,
    begin: float,
    *,
    count: int = FEW_LINES,
    every_s: float = 0.001,
    is_gap: bool = False,
) -> float:
    """Add lines of 100 bytes; returns the time of the last."""
    at = begin
    for i in range(count):
        at = begin + i * every_s
        gap.add(at, 100, is_gap=is_gap and i == 0)
    return at


def test_size_follows_from_the_rate_of_the_lines_before_the_gap() -> None:
    gap = LogGap()
    last = add_lines(gap, 1000.0)
    gap.open_again()
    add_lines(gap, last + 60.0, is_gap=True, count=1)
    gap.open_again()
    assert gap.skipped_s == pytest.approx(60.0)
    assert gap.skipped_bytes == pytest.approx(60.0 * 100_000, rel=0.01)


def test_rate_is_that_of_the_last_lines_alone() -> None:
    """A log that was slow for days and is flooded now."""
    gap = LogGap()
    last = add_lines(gap, 1000.0, count=5000, every_s=10.0)
    last = add_lines(gap, last + 10.0, count=10_000)
    gap.open_again()
    add_lines(gap, last + 60.0, is_gap=True, count=1)
    gap.open_again()
    assert gap.skipped_bytes == pytest.approx(60.0 * 100_000, rel=0.01)


def test_flood_that_was_read_for_a_moment_only_is_no_slow_log() -> None:
    """The lines before the flood were written 10 s earlier."""
    gap = LogGap()
    last = add_lines(gap, 1000.0, every_s=10.0)
    last = add_lines(gap, last + 10.0, count=20_000, every_s=0.00001)
    gap.open_again()
    add_lines(gap, last + 60.0, is_gap=True, count=1)
    gap.open_again()
    assert 60.0 * 3_900_000 <= gap.skipped_bytes <= 60.0 * 10_000_000


def test_burst_at_the_end_does_not_count_for_the_whole_gap() -> None:
    """A writer that shares its core: 10 ms of each 100 ms, 10 MB/s in that time."""
    gap, at = LogGap(), 1000.0
    for burst in range(12):
        at = add_lines(gap, 1000.0 + burst * 0.1, count=1000, every_s=0.00001)
    gap.open_again()
    add_lines(gap, at + 60.0, is_gap=True, count=1)
    gap.open_again()
    assert gap.skipped_bytes == pytest.approx(60.0 * 1_000_000, rel=0.25)


def test_rate_after_the_gap_counts_if_that_before_is_not_known() -> None:
    """As after a restart of Sidecar."""
    gap = LogGap(1000.0)
    gap.open_again()
    add_lines(gap, 1060.0, is_gap=True, count=MANY_LINES)
    assert gap.skipped_s == pytest.approx(60.0)
    assert gap.skipped_bytes == pytest.approx(60.0 * 100_000)


def test_rate_after_the_gap_is_not_that_of_its_first_burst() -> None:
    gap, at = LogGap(1000.0), 1060.0
    gap.open_again()
    for burst in range(6):
        begin = 1060.0 + burst * 0.1
        at = add_lines(gap, begin, every_s=0.00001, is_gap=not burst)
    assert at - 1060.0 > 0.5
    assert gap.skipped_bytes == pytest.approx(60.0 * 500_000, rel=0.25)


@pytest.mark.parametrize(
    ("every_s", "rate"), [(0.002, 75_000), (0.0001, 100_000)], ids=["slower", "faster"]
)
def test_flood_that_went_on_slower_is_the_mean_of_both_rates(
    every_s: float, rate: int
) -> None:
    """Faster lines after the gap may be a burst."""
    gap = LogGap()
    last = add_lines(gap, 1000.0, count=2000)
    gap.open_again()
    add_lines(gap, last + 60.0, is_gap=True, count=MANY_LINES, every_s=every_s)
    assert gap.skipped_bytes == pytest.approx(60.0 * rate, rel=0.01)


def test_gaps_add_up() -> None:
    gap, last = LogGap(1000.0), 1000.0
    for _ in range(3):
        gap.open_again()
        last = add_lines(gap, last + 10.0, is_gap=True, count=MANY_LINES)
    assert gap.skipped_s == pytest.approx(30.0)


def test_gap_before_few_lines_is_counted_when_the_log_is_opened_again() -> None:
    gap = LogGap(1000.0)
    gap.open_again()
    gap.add(1010.0, 100, is_gap=True)
    gap.add(1010.5, 100, is_gap=False)
    assert gap.skipped_bytes == 0
    gap.open_again()
    assert gap.skipped_bytes == 10 * 200


def test_log_without_gaps_leaves_nothing_out() -> None:
    gap = LogGap()
    add_lines(gap, 1000.0)
    gap.open_again()
    add_lines(gap, 5000.0)
    assert (gap.skipped_bytes, gap.skipped_s) == (0, 0.0)
