"""The order of the faults of a soak."""

import pytest

from benchmarks.soak_plan import (
    KINDS,
    SIDECAR_KILL,
    Beside,
    PlannedFault,
    choose_kinds,
    plan_round,
)

ALL = tuple(KINDS.values())


def plan(seed: str, number: int, *, kills: bool = True) -> list[PlannedFault]:
    return list(plan_round(seed, number, ALL, kills=kills))


def names(planned: list[PlannedFault]) -> list[str]:
    return [fault.kind.name for fault in planned]


def test_a_round_has_each_kind_once_and_begins_with_the_kill() -> None:
    order = names(plan("a", 0))
    assert sorted(order) == sorted(KINDS)
    assert order[0] == SIDECAR_KILL


def test_the_same_seed_gives_the_same_plan_and_another_gives_another() -> None:
    assert plan("a", 3) == plan("a", 3)
    assert names(plan("a", 3)) != names(plan("b", 3))
    assert names(plan("a", 3)) != names(plan("a", 4))


def test_sidecar_is_not_killed_in_rounds_without_kills() -> None:
    faults = [each for number in range(20) for each in plan("a", number, kills=False)]
    assert SIDECAR_KILL not in names(faults)
    assert {each.beside for each in faults} == {Beside.NOTHING, Beside.ENGINE_LOST}


def test_only_healed_faults_have_an_event_beside_them_and_not_in_the_first_round() -> (
    None
):
    assert {each.beside for each in plan("a", 0)} == {Beside.NOTHING}
    later = [each for number in range(1, 20) for each in plan("a", number)]
    assert {each.beside for each in later} == set(Beside)
    assert all(each.kind.is_healed for each in later if each.beside != "nothing")


def test_kinds_are_chosen_by_name_and_an_unknown_one_is_named() -> None:
    assert [kind.name for kind in choose_kinds("exit, die,exit")] == ["exit", "die"]
    with pytest.raises(ValueError, match=r"found dye; allowed: die, exit"):
        choose_kinds("die,dye")
    with pytest.raises(ValueError, match="found no fault"):
        choose_kinds(",")
