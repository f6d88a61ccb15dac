"""Durations: parsing, formatting, and the patterns of the schema."""

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
    ("text", "expected_s"),
    [("500ms", 0.5), ("15s", 15.0), ("2m", 120.0), ("6h", 21600.0), ("90d", 7776000.0)],
)
def test_parse_seconds_accepts_every_unit(text: str, expected_s: float) -> None:
    assert parse_seconds(text) == expected_s


@pytest.mark.parametrize("text", ["", "15", "1.5s", "-1s", "1h30m", "s", "15 s", "٣s"])
def test_parse_seconds_refuses_other_text(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_seconds(text)
    assert re.search(PATTERN, text) is None


@given(st.from_regex(PATTERN))
def test_format_seconds_and_parse_seconds_round_trip(text: str) -> None:
    assert parse_seconds(format_seconds(parse_seconds(text))) == parse_seconds(text)


@given(st.from_regex(PATTERN))
def test_pattern_above_zero_excludes_only_zero(text: str) -> None:
    above = re.search(PATTERN_ABOVE_ZERO, text) is not None
    assert above == (parse_seconds(text) > 0.0)


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0.0, "0s"), (900.0, "15m"), (90.0, "90s"), (0.25, "250ms")],
)
def test_format_seconds_uses_the_largest_unit_that_divides(
    duration_s: float, text: str
) -> None:
    assert format_seconds(duration_s) == text
