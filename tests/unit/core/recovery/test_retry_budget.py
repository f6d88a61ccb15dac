"""The retry budget: backoff, window, unsent tries and lanes."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.target import InstanceId, RestartSettings
from sidecar.core.recovery import retry_budget

INSTANCE_ID = InstanceId("wallet", 1)


@given(st.integers(2, 12))
def test_backoff_grows_to_its_limit(tries: int) -> None:
    settings = RestartSettings(budget=99, window_s=1e9, backoff_max_s=60.0)
    lane = Lane()
    waits = []
    for n in range(tries):
        lane = retry_budget.note_failed_try(
            retry_budget.count_try(lane, float(n)), settings, INSTANCE_ID, float(n)
        )
        waits.append(lane.not_before - n)
    assert all(b >= a or b >= 60.0 for a, b in itertools.pairwise(waits))
    assert 10.0 <= waits[0] <= 12.0
    assert max(waits) <= 60.0 * 1.2


@pytest.mark.parametrize(
    ("apart_s", "tries", "lane_name"),
    [
        (500.0, 3, LaneName.FAST),
        (400.0, 3, LaneName.SLOW),
        (500.0, 4, LaneName.SLOW),
    ],
)
def test_budget_window_slides_up_to_the_number_of_tries(
    apart_s: float, tries: int, lane_name: LaneName
) -> None:
    settings = RestartSettings()
    lane = Lane()
    for n in range(tries):
        now = n * apart_s
        lane = retry_budget.note_failed_try(
            retry_budget.count_try(lane, now), settings, INSTANCE_ID, now + 1
        )
    assert lane.name is lane_name


def test_unsent_try_is_reverted_and_retried_with_growing_backoff() -> None:
    lane, waits = Lane(), []
    for _ in range(8):
        lane = retry_budget.revert_try(retry_budget.count_try(lane, 5.0), 5.0)
        waits.append(lane.not_before - 5.0)
    assert lane.spent == ()
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    slow = replace(lane, name=LaneName.SLOW, slow_tries=1)
    assert retry_budget.revert_try(slow, 5.0).slow_tries == 0
    assert (
        retry_budget.note_failed_try(lane, RestartSettings(), INSTANCE_ID, 5.0).unsent
        == 0
    )


def test_crash_loop_skips_only_the_fast_lane_if_there_is_a_slow_one() -> None:
    settings = RestartSettings()
    fast = Lane(spent=(1.0,))
    skipped = retry_budget.enter_slow_lane(fast, settings, 5.0)
    assert (skipped.name, skipped.not_before) == (LaneName.SLOW, 605.0)
    assert retry_budget.enter_slow_lane(skipped, settings, 50.0) == skipped
    assert (
        retry_budget.enter_slow_lane(fast, RestartSettings(slow_lane_s=()), 5.0) == fast
    )


def test_dead_letter_stays_a_dead_letter() -> None:
    dead = Lane(name=LaneName.DEAD_LETTER)
    assert (
        retry_budget.note_failed_try(dead, RestartSettings(), INSTANCE_ID, 5.0) == dead
    )
