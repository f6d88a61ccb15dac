"""Graph, roster, ids and lanes: the small pure parts."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model import dependency_graph
from sidecar.core.model.container import Status
from sidecar.core.model.incident import new_id
from sidecar.core.model.lane import Lane, LaneName
from sidecar.core.model.moment import Moment
from sidecar.core.model.target import InstanceId, RestartSettings, Target
from sidecar.core.recovery import retry_budget
from sidecar.core.status.assignment import assign
from tests.support.rule_world import container

NEEDS = {
    "shop": ("payments", "rates"),
    "payments": ("wallet",),
    "wallet": (),
    "rates": (),
}


def test_upstreams_come_roots_first() -> None:
    assert dependency_graph.all_dependencies(NEEDS, "shop") == (
        "wallet",
        "payments",
        "rates",
    )


def test_dependents_come_in_the_order_to_restart() -> None:
    targets = [Target(name, depends_on=needs) for name, needs in NEEDS.items()]
    assert dependency_graph.build_graph(targets).dependents["wallet"] == (
        "payments",
        "shop",
    )


@pytest.mark.parametrize(
    ("needs", "found"),
    [
        ({"a": ("a",)}, ("a", "a")),
        ({"a": ("b",), "b": ("c",), "c": ("b",)}, ("b", "c", "b")),
        (NEEDS, ()),
    ],
)
def test_a_circle_is_found(
    needs: dependency_graph.Dependencies, found: tuple[str, ...]
) -> None:
    assert dependency_graph.find_cycle(needs) == found


def test_unknown_names_are_found() -> None:
    assert dependency_graph.unknown_names({"a": ("b",)}) == (("a", "b"),)


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.lists(st.sampled_from("abcdef"), max_size=3).map(tuple),
    )
)
def test_the_order_is_worked_out_even_with_circles(
    needs: dict[str, tuple[str, ...]],
) -> None:
    assert set(dependency_graph.sort_by_dependency(needs)) >= set(needs)
    for name in needs:
        assert name not in dependency_graph.all_dependencies(needs, name)


WALLET = Target("wallet", service="electron-cash")


def test_containers_find_their_target_by_service() -> None:
    one = container("electron-cash")
    other = container("postgres")
    assert assign([WALLET], [one, other]) == ((InstanceId("wallet", 1), one),)


def test_containers_find_their_target_by_name() -> None:
    named = container("electron-cash", name="the-wallet")
    by_name = Target("wallet", container="the-wallet")
    assert assign([by_name], [named]) == ((InstanceId("wallet", 1), named),)


def test_a_service_may_be_given_by_the_containers_name() -> None:
    named = container("", name="the-wallet")
    assert assign([Target("w", service="the-wallet")], [named]) == (
        (InstanceId("w", 1), named),
    )


def test_one_off_containers_are_nobodys() -> None:
    left = container("electron-cash", labels={"com.docker.compose.oneoff": "True"})
    assert assign([WALLET], [left]) == ()


def test_while_compose_recreates_the_running_one_counts() -> None:
    old = container("electron-cash", id="old", started_at=5.0)
    new = container("electron-cash", id="new", status=Status.CREATED, started_at=0.0)
    for pair in ([old, new], [new, old]):
        ((_, chosen),) = assign([WALLET], pair)
        assert chosen.id == "old"


def test_ids_sort_by_time_and_differ() -> None:
    ids = [new_id("a", Moment(t, 1_700_000_000.0 + t)) for t in range(50)]
    assert ids == sorted(ids)
    assert len({*ids, new_id("b", Moment(0.0, 1_700_000_000.0))}) == 51
    assert {len(i) for i in ids} == {26}


WHO = InstanceId("wallet", 1)


@given(st.integers(2, 12))
def test_backoff_grows_to_its_limit(tries: int) -> None:
    settings = RestartSettings(budget=99, window_s=1e9, backoff_max_s=60.0)
    lane = Lane()
    waits = []
    for n in range(tries):
        lane = retry_budget.note_failed_try(
            retry_budget.count_try(lane, float(n)), settings, WHO, float(n)
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
def test_the_window_slides_but_not_for_ever(
    apart_s: float, tries: int, lane_name: LaneName
) -> None:
    settings = RestartSettings()
    lane = Lane()
    for n in range(tries):
        now = n * apart_s
        lane = retry_budget.note_failed_try(
            retry_budget.count_try(lane, now), settings, WHO, now + 1
        )
    assert lane.name is lane_name


def test_what_could_not_be_sent_is_taken_back_and_tried_less_and_less_often() -> None:
    lane, waits = Lane(), []
    for _ in range(8):
        lane = retry_budget.revert_try(retry_budget.count_try(lane, 5.0), 5.0)
        waits.append(lane.not_before - 5.0)
    assert lane.spent == ()
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    slow = replace(lane, name=LaneName.SLOW, slow_tries=1)
    assert retry_budget.revert_try(slow, 5.0).slow_tries == 0
    assert retry_budget.note_failed_try(lane, RestartSettings(), WHO, 5.0).unsent == 0


def test_a_crash_loop_skips_the_fast_lane_alone_and_only_to_a_slow_one() -> None:
    settings = RestartSettings()
    fast = Lane(spent=(1.0,))
    skipped = retry_budget.enter_slow_lane(fast, settings, 5.0)
    assert (skipped.name, skipped.not_before) == (LaneName.SLOW, 605.0)
    assert retry_budget.enter_slow_lane(skipped, settings, 50.0) == skipped
    assert (
        retry_budget.enter_slow_lane(fast, RestartSettings(slow_lane_s=()), 5.0) == fast
    )


def test_a_dead_letter_stays_one() -> None:
    dead = Lane(name=LaneName.DEAD_LETTER)
    assert retry_budget.note_failed_try(dead, RestartSettings(), WHO, 5.0) == dead
