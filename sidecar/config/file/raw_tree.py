"""Untyped trees of a configuration, from YAML, environment variables and labels.

Trees are used only inside this package; its results have types.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.config.problem import ConfigProblem

Scalar = str | int | float | bool | None
Tree = dict[str, "Tree"] | list["Tree"] | Scalar
Path = tuple[str | int, ...]

MAX_DEPTH = 20
MAX_NODES = 200_000


def dotted_path(path: Sequence[str | int]) -> str:
    """A path as text: ``targets.wallet.probe[0].url``, or ``(the whole file)``."""
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p[:100]}" for p in path)
    return text.removeprefix(".") or "(the whole file)"


@dataclass(slots=True)
class _Walk:
    remaining_nodes: int = MAX_NODES

    def faults(self, node: object, path: Path) -> Iterator[ConfigProblem]:
        self.remaining_nodes -= 1
        if len(path) > MAX_DEPTH or self.remaining_nodes < 0:
            raise _TooLarge
        if isinstance(node, dict):
            yield from self._mapping_faults(node, path)
        elif isinstance(node, list):
            for index, item in enumerate(node):
                yield from self.faults(item, (*path, index))
        elif not isinstance(node, Scalar):
            yield ConfigProblem(
                dotted_path(path), type(node).__name__, "text, numbers and the like"
            )

    def _mapping_faults(
        self, node: dict[object, object], path: Path
    ) -> Iterator[ConfigProblem]:
        for key, value in node.items():
            if isinstance(key, str):
                yield from self.faults(value, (*path, key))
            else:
                yield ConfigProblem(
                    dotted_path((*path, str(key))),
                    "a key that is no text",
                    "text",
                    "put quotes around it",
                )


class _TooLarge(Exception):
    pass


def structure_faults(node: object) -> list[ConfigProblem]:
    """The reasons why ``node`` is no Tree, or too large to process; [] if it is fine.

    Anchors can expand a short text into a huge or endless tree.
    """
    try:
        return list(_Walk().faults(node, ()))
    except _TooLarge:
        allowed = f"at most {MAX_DEPTH} levels and {MAX_NODES} entries"
        return [ConfigProblem(dotted_path(()), "a tree too deep or too large", allowed)]


def merge_trees(over: Tree, under: Tree) -> Tree:
    """Both trees, key by key; where both have a value, ``over`` wins."""
    if not isinstance(over, dict) or not isinstance(under, dict):
        return over
    shared = over.keys() & under.keys()
    return {
        **under,
        **over,
        **{key: merge_trees(over[key], under[key]) for key in shared},
    }


def leaves(node: Tree, path: Path = ()) -> Iterator[Path]:
    """The paths of all values that are no mappings."""
    if not isinstance(node, dict):
        yield path
        return
    for key, value in node.items():
        yield from leaves(value, (*path, key))


def without_path(node: Tree, path: Path) -> Tree:
    """The tree without the value at ``path``; unchanged if there is none."""
    if not path:
        return {}
    head, rest = path[0], path[1:]
    if isinstance(node, dict) and isinstance(head, str) and head in node:
        if rest:
            return {**node, head: without_path(node[head], rest)}
        return {key: value for key, value in node.items() if key != head}
    if isinstance(node, list) and isinstance(head, int):
        return [*node[:head], without_path(node[head], rest), *node[head + 1 :]]
    return node
