"""Texts at the limit of a receiver: shorter, with their last lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.notify.message_text import Measure, shorten, size_in_utf8, size_in_utf16

END = "look\nack\n\n[id]"
MEASURES = (size_in_utf8, size_in_utf16, len)


def test_text_within_the_limit_is_unchanged() -> None:
    assert shorten("a\nb", 3, len) == "a\nb"


def test_long_text_keeps_its_last_four_lines() -> None:
    text = "\n".join([*(f"line {number}" for number in range(50)), END])
    short = shorten(text, 100, len)
    assert short.startswith("line 0\nline 1\n")
    assert short.endswith(f"\n...\n{END}")
    assert len(short) <= 100


def test_long_text_with_long_last_lines_keeps_the_very_last() -> None:
    text = "\n".join(["first", "x" * 90, "y" * 90, "", "[id]"])
    short = shorten(text, 100, len)
    assert short.startswith("first")
    assert short.endswith("\n...\n[id]")


def test_one_long_line_is_cut_at_a_word() -> None:
    assert shorten("one two three", 9, len) == "one two"


@pytest.mark.parametrize("measure", MEASURES)
def test_character_of_several_units_is_never_split(measure: Measure) -> None:
    short = shorten("\U0001f6d1" * 50, 41, measure)
    assert set(short) == {"\U0001f6d1"}
    assert measure(short) <= 41


def test_sizes_are_those_of_the_encodings() -> None:
    text = "a\u05d0가\U0001f6d1"
    assert size_in_utf8(text) == 1 + 2 + 3 + 4
    assert size_in_utf16(text) == 1 + 1 + 1 + 2


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    most=st.integers(8, 200),
    measure=st.sampled_from(MEASURES),
)
def test_text_is_never_longer_than_its_limit(
    text: str, most: int, measure: Measure
) -> None:
    short = shorten(text, most, measure)
    assert measure(short) <= most
    if measure(text) <= most:
        assert short == text
