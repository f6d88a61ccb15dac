"""The drawing of the targets."""

from sidecar.web.page.graph_view import (
    MOST_NODES,
    NODE_HEIGHT,
    NODE_WIDTH,
    SHOWN_CHARACTERS,
    build_graph_view,
    shorten,
    sort_by_depth,
)
from sidecar.web.page.target_view import TargetView, Time


def view(name: str, *needs: str, level: str = "ok") -> TargetView:
    return TargetView(
        name,
        name,
        name,
        "healthy",
        level,
        "works",
        Time("", ""),
        needs=tuple((need, need) for need in needs),
    )


DIAMOND = (
    view("shop", "service", "database"),
    view("wallet", level="bad"),
    view("service", "wallet"),
    view("database"),
)


def test_roots_are_left_of_their_dependents() -> None:
    graph = build_graph_view(DIAMOND)
    assert graph is not None
    x_by_name = {node.name: node.x for node in graph.nodes}
    assert (
        x_by_name["wallet"]
        == x_by_name["database"]
        < x_by_name["service"]
        < x_by_name["shop"]
    )


def test_each_dependency_is_an_edge_with_the_level_of_its_root() -> None:
    graph = build_graph_view(DIAMOND)
    assert graph is not None
    assert sorted(edge.level for edge in graph.edges) == ["bad", "ok", "ok"]


def test_boxes_do_not_overlap_and_lie_inside_the_drawing() -> None:
    graph = build_graph_view(DIAMOND)
    assert graph is not None
    places = [(node.x, node.y) for node in graph.nodes]
    assert len(set(places)) == len(places)
    assert all(node.x + NODE_WIDTH <= graph.width for node in graph.nodes)


def test_curve_to_a_distant_dependent_goes_past_the_boxes_between() -> None:
    graph = build_graph_view(DIAMOND)
    assert graph is not None
    service = next(node for node in graph.nodes if node.name == "service")
    curves = [edge.path for edge in graph.edges if edge.path.count("C") == 3]
    assert len(curves) == 1
    _, passage, _, _ = curves[0].split("C")
    y = int(passage.split()[-1])
    assert not service.y <= y <= service.y + NODE_HEIGHT


def test_unrelated_targets_are_not_drawn() -> None:
    assert build_graph_view((view("a"), view("b"))) is None


def test_too_many_targets_are_not_drawn() -> None:
    many = tuple(view(f"t{n}", "t0") for n in range(1, MOST_NODES + 1))
    assert build_graph_view((view("t0"), *many)) is None


def test_need_of_an_unknown_target_is_no_edge() -> None:
    graph = build_graph_view((view("a", "gone"), view("b", "a")))
    assert graph is not None
    assert len(graph.edges) == 1


def test_long_name_is_cut_to_its_box() -> None:
    assert shorten("x" * 40) == "x" * (SHOWN_CHARACTERS - 1) + "…"
    assert shorten("bitcoincash-service") == "bitcoincash-service"


def test_list_has_each_dependent_below_its_first_root() -> None:
    ordered = [(depth, one.name) for depth, one in sort_by_depth(DIAMOND)]
    assert ordered == [(0, "wallet"), (1, "service"), (2, "shop"), (0, "database")]


def test_list_has_every_target_once_also_with_an_unknown_need() -> None:
    views = (*DIAMOND, view("lost", "gone"))
    assert sorted(one.name for _, one in sort_by_depth(views)) == sorted(
        one.name for one in views
    )
