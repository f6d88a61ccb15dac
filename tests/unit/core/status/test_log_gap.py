"""Estimates of what was left out of a log."""

import pytest

from sidecar.core.status.log_gap import FEW_LINES, RATE_LINES, LogGap


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
    assert gap.skipped_s == pytest.approx(60.0)
    assert gap.skipped_bytes == pytest.approx(60.0 * 100_000)


def test_rate_is_that_of_the_last_lines_alone() -> None:
    """A log that was slow for days and is flooded now."""
    gap = LogGap()
    last = add_lines(gap, 1000.0, count=RATE_LINES, every_s=10.0)
    last = add_lines(gap, last + 10.0, count=2 * RATE_LINES)
    gap.open_again()
    add_lines(gap, last + 60.0, is_gap=True, count=1)
    assert gap.skipped_bytes == pytest.approx(60.0 * 100_000, rel=0.01)


def test_rate_after_the_gap_counts_if_that_before_is_not_known() -> None:
    """As after a restart of Sidecar."""
    gap = LogGap(1000.0)
    gap.open_again()
    add_lines(gap, 1060.0, is_gap=True)
    assert gap.skipped_s == pytest.approx(60.0)
    assert gap.skipped_bytes == pytest.approx(60.0 * 100_000)


def test_gaps_add_up() -> None:
    gap, last = LogGap(1000.0), 1000.0
    for _ in range(3):
        gap.open_again()
        last = add_lines(gap, last + 10.0, is_gap=True)
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
