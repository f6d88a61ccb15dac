"""Durations: what is written is what is meant, and back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.duration import (
    PATTERN,
    PATTERN_ABOVE_ZERO,
    format_seconds,
    parse_seconds,
)


@pytest.mark.parametrize(
    ("written", "meant_s"),
    [("500ms", 0.5), ("15s", 15.0), ("2m", 120.0), ("6h", 21600.0), ("90d", 7776000.0)],
)
def test_every_unit_of_the_contract(written: str, meant_s: float) -> None:
    assert parse_seconds(written) == meant_s


@pytest.mark.parametrize(
    "written", ["", "15", "1.5s", "-1s", "1h30m", "s", "15 s", "٣s"]
)
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_seconds(written)
    assert re.search(PATTERN, written) is None


@given(st.from_regex(PATTERN))
def test_saying_a_duration_and_reading_it_gives_the_same(written: str) -> None:
    assert parse_seconds(format_seconds(parse_seconds(written))) == parse_seconds(
        written
    )


@given(st.from_regex(PATTERN))
def test_the_pattern_above_zero_leaves_out_zero_alone(written: str) -> None:
    above = re.search(PATTERN_ABOVE_ZERO, written) is not None
    assert above == (parse_seconds(written) > 0.0)


@pytest.mark.parametrize(
    ("duration_s", "said"),
    [(0.0, "0s"), (900.0, "15m"), (90.0, "90s"), (0.25, "250ms")],
)
def test_the_largest_unit_that_divides_is_used(duration_s: float, said: str) -> None:
    assert format_seconds(duration_s) == said
