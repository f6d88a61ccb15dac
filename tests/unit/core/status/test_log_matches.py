"""Matches in a log: count, window and cooldown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.log_mark import LogMatches
from sidecar.core.status.log_matches import (
    LogRule,
    MatchingLine,
    add_line,
    begins_match,
    is_matching,
    select_run_lines,
)

ONE = LogRule(count=1, window_s=60.0, cooldown_s=30.0)
THREE = LogRule(count=3, window_s=60.0, cooldown_s=30.0)


def add_lines(rule: LogRule, *times: float) -> LogMatches:
    matches = LogMatches("rule")
    for at in times:
        matches = add_line(matches, rule, MatchingLine(at, "pattern", f"line of {at}"))
    return matches


@pytest.mark.parametrize(
    ("rule", "times", "now", "expected"),
    [
        (ONE, (), 100.0, False),
        (ONE, (100.0,), 100.0, True),
        (ONE, (100.0,), 129.9, True),
        (ONE, (100.0,), 130.0, False),
        (ONE, (100.0, 125.0), 140.0, True),
        (THREE, (100.0, 110.0), 111.0, False),
        (THREE, (100.0, 110.0, 120.0), 121.0, True),
        (THREE, (100.0, 110.0, 160.5), 161.0, False),
        (THREE, (100.0, 110.0, 159.9), 161.0, True),
        (THREE, (100.0, 110.0, 120.0), 150.0, False),
        (THREE, (100.0, 110.0, 120.0, 140.0), 160.0, True),
    ],
)
def test_match_lasts_while_enough_lines_come(
    rule: LogRule, times: tuple[float, ...], now: float, expected: bool
) -> None:
    assert is_matching(add_lines(rule, *times), now) is expected


def test_match_shows_the_line_that_completed_it() -> None:
    assert add_lines(THREE, 1.0, 2.0, 3.0, 4.0).quote == "line of 3.0"
    assert add_lines(ONE, 1.0, 2.0, 99.0).quote == "line of 99.0"


def test_match_has_one_begin_however_many_lines_follow() -> None:
    assert add_lines(ONE, 100.0, 120.0, 140.0).began == 100.0
    assert add_lines(ONE, 100.0, 120.0, 150.0).began == 150.0


def test_lines_before_the_run_are_forgotten() -> None:
    matches = add_lines(THREE, 100.0, 101.0, 102.0)
    assert select_run_lines(matches, THREE, 100.0) == matches
    assert select_run_lines(matches, THREE, 101.5).times == (102.0,)
    assert not is_matching(select_run_lines(matches, THREE, 101.5), 103.0)
    assert select_run_lines(matches, THREE, 103.0) == LogMatches("rule")


def test_match_of_the_run_goes_on_without_the_lines_before_it() -> None:
    matches = add_lines(THREE, 100.0, 101.0, 102.0, 103.0, 104.0)
    run_matches = select_run_lines(matches, THREE, 102.0)
    assert run_matches.times == (102.0, 103.0, 104.0)
    assert is_matching(run_matches, 105.0)


def test_old_match_without_its_lines_does_not_last_into_the_run() -> None:
    """Lines outside the window are dropped, but their match may still last."""
    slow = LogRule(count=1, window_s=1.0, cooldown_s=600.0)
    matches = add_lines(slow, 100.0, 110.0)
    assert not is_matching(select_run_lines(matches, slow, 111.0), 112.0)
    assert is_matching(select_run_lines(matches, slow, 105.0), 112.0)


rules = st.builds(
    LogRule, st.integers(1, 5), st.floats(0.5, 50.0), st.floats(0.5, 50.0)
)
moments = st.lists(st.floats(0.0, 200.0), max_size=30).map(sorted)


@given(rules, moments, st.floats(0.0, 300.0))
def test_match_is_exactly_what_the_documents_say(
    rule: LogRule, times: list[float], now: float
) -> None:
    """A match at ``now``: a line within the cooldown completed ``count`` lines."""
    so_far = [at for at in times if at <= now]
    completing = [
        at
        for i, at in enumerate(so_far)
        if sum(at - rule.window_s < t for t in so_far[: i + 1]) >= rule.count
    ]
    expected = any(at <= now < at + rule.cooldown_s for at in completing)
    assert is_matching(add_lines(rule, *so_far), now) is expected


@given(rules, moments)
def test_text_is_wanted_exactly_when_a_match_begins(
    rule: LogRule, times: list[float]
) -> None:
    matches = LogMatches("rule")
    for i, at in enumerate(times):
        begins = begins_match(matches, rule, at)
        matches = add_line(matches, rule, MatchingLine(at, "pattern", f"line {i}"))
        assert begins == (matches.quote == f"line {i}")


@given(rules, moments)
def test_kept_times_are_bounded(rule: LogRule, times: list[float]) -> None:
    assert len(add_lines(rule, *times).times) <= rule.count


@given(rules, moments, st.integers(0, 30))
def test_judging_again_from_a_stored_mark_gives_the_same(
    rule: LogRule, times: list[float], stored: int
) -> None:
    first = add_lines(rule, *times[:stored])
    for at in times[stored:]:
        first = add_line(first, rule, MatchingLine(at, "pattern", f"line of {at}"))
    assert first == add_lines(rule, *times)
