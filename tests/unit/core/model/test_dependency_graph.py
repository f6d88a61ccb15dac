"""The dependency graph of the targets: order, cycles and unknown names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model import dependency_graph
from sidecar.core.model.target import Target

NEEDS = {
    "shop": ("payments", "rates"),
    "payments": ("wallet",),
    "wallet": (),
    "rates": (),
}


def test_all_dependencies_are_listed_roots_first() -> None:
    assert dependency_graph.all_dependencies(NEEDS, "shop") == (
        "wallet",
        "payments",
        "rates",
    )


def test_dependents_are_listed_in_restart_order() -> None:
    targets = [Target(name, depends_on=needs) for name, needs in NEEDS.items()]
    assert dependency_graph.build_graph(targets).dependents["wallet"] == (
        "payments",
        "shop",
    )


@pytest.mark.parametrize(
    ("needs", "cycle"),
    [
        ({"a": ("a",)}, ("a", "a")),
        ({"a": ("b",), "b": ("c",), "c": ("b",)}, ("b", "c", "b")),
        (NEEDS, ()),
    ],
)
def test_find_cycle_returns_the_cycle_or_nothing(
    needs: dependency_graph.Dependencies, cycle: tuple[str, ...]
) -> None:
    assert dependency_graph.find_cycle(needs) == cycle


def test_unknown_names_are_listed_with_their_dependents() -> None:
    assert dependency_graph.unknown_names({"a": ("b",)}) == (("a", "b"),)


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.lists(st.sampled_from("abcdef"), max_size=3).map(tuple),
    )
)
def test_sort_by_dependency_handles_cycles(
    needs: dict[str, tuple[str, ...]],
) -> None:
    assert set(dependency_graph.sort_by_dependency(needs)) >= set(needs)
    for name in needs:
        assert name not in dependency_graph.all_dependencies(needs, name)
