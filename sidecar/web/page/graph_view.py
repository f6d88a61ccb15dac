"""The targets as a drawing: roots on the left, dependents to their right."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from sidecar.web.page.target_view import TargetView

NODE_WIDTH, NODE_HEIGHT = 212, 52
COLUMN_GAP, ROW_GAP, MARGIN = 64, 16, 6
PASSAGE_HEIGHT = 14
"""Height of the place that a curve needs between the boxes of a column."""

MOST_NODES = 40
"""More targets than that are listed alone: nobody could read the drawing."""

SHOWN_CHARACTERS = 20


class Node(NamedTuple):
    """A target in the drawing; ``x`` and ``y`` are those of its upper left corner."""

    id: str
    name: str
    label: str
    state: str
    level: str
    word: str
    x: int
    y: int


class Edge(NamedTuple):
    """A dependency: a curve from a root to a dependent, and the root's level."""

    path: str
    level: str


class Graph(NamedTuple):
    """The whole drawing, in pixels."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class _Passage(NamedTuple):
    """The place of a curve that goes past a column, to a target further right."""

    root: str
    name: str
    column: int


_Item = TargetView | _Passage


def build_graph_view(views: Sequence[TargetView]) -> Graph | None:
    """The drawing; None where there is nothing to draw, or too much."""
    if not any(view.needs for view in views) or len(views) > MOST_NODES:
        return None
    columns = _columns(views)
    height = max(_height(column) for column in columns)
    tops: dict[str, float] = {}
    for column in columns:
        top = MARGIN + (height - _height(column)) / 2
        for item in sorted(column, key=lambda item: _middle_of_roots(item, tops)):
            tops[_key(item)] = top
            top += _item_height(item) + ROW_GAP
    depths = _depths(views)
    nodes = {view.name: _place(view, depths[view.target], tops) for view in views}
    return Graph(
        len(columns) * (NODE_WIDTH + COLUMN_GAP) - COLUMN_GAP + 2 * MARGIN,
        round(height) + 2 * MARGIN,
        tuple(nodes.values()),
        tuple(_edges(views, nodes, tops)),
    )


def _columns(views: Sequence[TargetView]) -> list[list[_Item]]:
    """The views by the length of their longest way from a root, and the passages."""
    depths = _depths(views)
    columns: list[list[_Item]] = [[] for _ in range(max(depths.values()) + 1)]
    for view in views:
        columns[depths[view.target]].append(view)
    for view in views:
        for root, _ in view.needs:
            for column in range(depths.get(root, MOST_NODES) + 1, depths[view.target]):
                columns[column].append(_Passage(root, view.name, column))
    return columns


def _item_height(item: _Item) -> int:
    return PASSAGE_HEIGHT if isinstance(item, _Passage) else NODE_HEIGHT


def _height(column: Sequence[_Item]) -> float:
    return sum(map(_item_height, column)) + ROW_GAP * (len(column) - 1)


def _key(item: _Item) -> str:
    if isinstance(item, _Passage):
        return _passage_key(item.root, item.name, item.column)
    return item.name


def _passage_key(root: str, name: str, column: int) -> str:
    return f"{root} {name} {column}"


def _middle_of_roots(item: _Item, tops: Mapping[str, float]) -> float:
    """The middle of what an item needs: near to it few curves cross."""
    if isinstance(item, _Passage):
        before = _passage_key(item.root, item.name, item.column - 1)
        return tops.get(before, tops.get(item.root, 0.0))
    heights = [tops[name] for name, _ in item.needs if name in tops]
    return sum(heights) / len(heights) if heights else 0.0


def sort_by_depth(views: Sequence[TargetView]) -> tuple[tuple[int, TargetView], ...]:
    """Each view with its depth, directly below the first target that it needs."""
    by_target = {view.target for view in views}
    children: dict[str, list[TargetView]] = {}
    for view in views:
        parent = next((name for name, _ in view.needs if name in by_target), "")
        children.setdefault(parent, []).append(view)
    ordered: list[tuple[int, TargetView]] = []
    waiting = [(0, view) for view in reversed(children.get("", []))]
    expanded: set[str] = set()
    while waiting:
        depth, view = waiting.pop()
        ordered.append((depth, view))
        if view.target not in expanded:
            expanded.add(view.target)
            waiting += [(depth + 1, v) for v in reversed(children.get(view.target, []))]
    return tuple(ordered)


def _depths(views: Iterable[TargetView]) -> Mapping[str, int]:
    """The depth of each target; the graph has no cycle."""
    needs = {view.target: [name for name, _ in view.needs] for view in views}
    depths: dict[str, int] = {}
    while len(depths) < len(needs):
        ready = [
            name
            for name in needs
            if name not in depths
            and all(n in depths or n not in needs for n in needs[name])
        ]
        if not ready:  # a cycle: the settings refuse one
            return dict.fromkeys(needs, 0) | depths
        for name in ready:
            upper = [depths[n] for n in needs[name] if n in depths]
            depths[name] = max(upper, default=-1) + 1
    return depths


def _place(view: TargetView, depth: int, tops: Mapping[str, float]) -> Node:
    return Node(
        view.id,
        view.name,
        shorten(view.name),
        view.state,
        view.level,
        view.word,
        _column_x(depth),
        round(tops[view.name]),
    )


def _column_x(column: int) -> int:
    return MARGIN + column * (NODE_WIDTH + COLUMN_GAP)


def shorten(name: str) -> str:
    """The name, or its begin where it does not fit into its box."""
    return name if len(name) <= SHOWN_CHARACTERS else f"{name[: SHOWN_CHARACTERS - 1]}…"


def _edges(
    views: Iterable[TargetView], nodes: Mapping[str, Node], tops: Mapping[str, float]
) -> Iterator[Edge]:
    views = tuple(views)
    by_target: dict[str, list[Node]] = {}
    for view in views:
        by_target.setdefault(view.target, []).append(nodes[view.name])
    for view in views:
        for name, _ in view.needs:
            for root in by_target.get(name, ()):
                yield Edge(_curve(root, name, nodes[view.name], tops), root.level)


def _curve(root: Node, root_target: str, node: Node, tops: Mapping[str, float]) -> str:
    """From the root's right side to the dependent's left side, past other boxes."""
    points: list[tuple[int, int]] = [(root.x + NODE_WIDTH, root.y + NODE_HEIGHT // 2)]
    column = (root.x - MARGIN) // (NODE_WIDTH + COLUMN_GAP) + 1
    while (key := _passage_key(root_target, node.name, column)) in tops:
        y = round(tops[key] + PASSAGE_HEIGHT / 2)
        points += [(_column_x(column), y), (_column_x(column) + NODE_WIDTH, y)]
        column += 1
    points.append((node.x - 10, node.y + NODE_HEIGHT // 2))
    path = f"M{points[0][0]} {points[0][1]}"
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (x1 + x2) // 2
        path += f"C{middle} {y1} {middle} {y2} {x2} {y2}"
    return path
