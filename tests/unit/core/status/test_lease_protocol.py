"""Changes of a watchdog's lease by the answers of Redis."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.core.model.lease import ClusterSettings, LeaseStatus
from sidecar.core.model.moment import Moment
from sidecar.core.status.lease_protocol import (
    SECONDS,
    LeaseAnswer,
    find_rank,
    on_acquired,
    on_answered,
    on_lost,
    on_not_held,
    on_renewed,
    wait_for_second_s,
)

NOW = Moment(1000.0, 1_700_000_000.0)
LONGEST_S = 45.0
STATUS = LeaseStatus(ClusterSettings("redis://redis"), "own", since=Moment(1.0, 1.0))
KNOWN = replace(STATUS, asked=True, ahead_s=500.0)


def apply_answer(
    status: LeaseStatus = KNOWN,
    ahead_s: float = 500.0,
    **changes: Any,  # noqa: ANN401 - any field
) -> LeaseStatus:
    answer = LeaseAnswer(7, "b", NOW.mono + ahead_s)._replace(**changes)
    return on_answered(status, answer, NOW, LONGEST_S)


def test_answer_ends_the_loss_and_tells_token_and_time() -> None:
    after = apply_answer(replace(STATUS, lost="timeout", highest_token=3))
    assert (after.lost, after.asked, after.since) == ("", True, NOW)
    assert (after.highest_token, after.ahead_s) == (7, 500.0)
    assert apply_answer(replace(KNOWN, highest_token=9)).highest_token == 9


@pytest.mark.parametrize(
    ("ahead_s", "is_fresh", "doubt_s"),
    [
        (500.5, False, 0.0),
        (502.0, False, LONGEST_S),
        (-3100.0, False, 0.0),
        (500.0, True, LONGEST_S),
    ],
)
def test_step_forward_or_lost_data_put_earlier_leases_in_doubt(
    ahead_s: float, is_fresh: bool, doubt_s: float
) -> None:
    after = apply_answer(ahead_s=ahead_s, is_fresh=is_fresh)
    assert after.act_from_mono == (NOW.mono + doubt_s if doubt_s else 0.0)


def test_doubt_is_no_shorter_than_the_lease_and_not_about_an_own_lease() -> None:
    settings = ClusterSettings("redis://redis", lease_s=60.0)
    after = apply_answer(replace(KNOWN, settings=settings), is_fresh=True)
    assert after.act_from_mono == NOW.mono + 60.0
    own = replace(KNOWN, token=6, until_mono=NOW.mono + 5.0)
    assert apply_answer(own, is_fresh=True).act_from_mono == 0.0


def test_watchdog_whose_host_was_suspended_trusts_no_lease_that_has_not_gone_on() -> (
    None
):
    """Its clock stood still, so its lease seems to be valid."""
    own = replace(KNOWN, token=7, until_mono=NOW.mono + 5.0)
    again = apply_answer(own, ahead_s=560.0, token=9, holder="", is_fresh=True)
    assert again.act_from_mono == NOW.mono + LONGEST_S
    renewed = apply_answer(own, ahead_s=560.0, token=7, holder="")
    assert renewed.act_from_mono == 0.0


def test_watchdog_that_has_just_started_waits_for_the_call_of_a_dead_holder() -> None:
    assert apply_answer(STATUS, call_s=20.0).act_from_mono == NOW.mono + 20.0
    assert apply_answer(KNOWN, call_s=20.0).act_from_mono == 0.0


def test_lease_is_counted_from_the_moment_of_the_request() -> None:
    acquired = on_acquired(KNOWN, LeaseAnswer(8, "", 0.0), NOW.mono - 2.0, NOW)
    assert (acquired.token, acquired.until_mono) == (8, NOW.mono + 13.0)
    assert on_renewed(acquired, 2000.0).until_mono == 2000.0
    after_loss = on_lost(acquired, "timeout", NOW)
    assert (after_loss.token, after_loss.until_mono) == (8, acquired.until_mono)
    ended = on_not_held(acquired, "b", NOW)
    assert (ended.token, ended.until_mono, ended.holder) == (0, 0.0, "b")
    assert on_not_held(ended, "b", Moment(2000.0, 1.0)) is ended


def test_loss_is_counted_from_its_begin() -> None:
    after_loss = on_lost(KNOWN, "timeout", NOW)
    later = on_lost(after_loss, "refused", Moment(2000.0, 1.0))
    assert (later.lost, later.since) == ("refused", NOW)


def test_order_without_redis_is_that_of_the_names() -> None:
    names = ["a/1", "b/2", "c/3"]
    ranks = [find_rank(own, frozenset(names) - {own}) for own in names]
    assert ranks == [1, 2, 3]
    assert find_rank("a/1", frozenset()) == 0


def test_each_watchdog_has_a_second_of_its_own() -> None:
    """At each time at most one of them may send, with a gap to the next one."""
    ranks = range(1, SECONDS + 1)
    for tenth in range(SECONDS * 10):
        wall = NOW.wall + tenth / 10
        free = [rank for rank in ranks if wait_for_second_s(rank, wall) == 0.0]
        assert len(free) <= 1
        assert bool(free) is (tenth % 10 < 5)
    for rank in ranks:
        wait_s = wait_for_second_s(rank, NOW.wall + 0.7)
        assert 0.0 < wait_s <= SECONDS
        assert wait_for_second_s(rank, NOW.wall + 0.7 + wait_s) == 0.0
    assert wait_for_second_s(0, NOW.wall + 0.7) == 0.0
