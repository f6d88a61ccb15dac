"""YAML text to a tree: YAML 1.2 scalars, no duplicate keys, no code."""

import re
from typing import Any

import yaml

from sidecar.config.file.raw_tree import MAX_DEPTH, MAX_NODES, Tree, structure_faults
from sidecar.config.problem import ConfigProblem

_CORE = "tag:yaml.org,2002:"
_KINDS = ("null", "bool", "int", "float", "str", "seq", "map")

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """YAML 1.2's plain scalars: ``on``, ``no``, ``12:30`` and dates stay text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012
    yaml_constructors = {  # noqa: RUF012
        tag: constructor
        for tag, constructor in _Base.yaml_constructors.items()
        if tag is None or tag.removeprefix(_CORE) in _KINDS
    }

    def __init__(self, stream: Any) -> None:  # noqa: ANN401
        super().__init__(stream)
        self._unfolded: dict[Any, int] = {}
        """The number of entries of each mapping, with all that it merges."""

    def flatten_mapping(self, node: Any) -> None:  # noqa: ANN401
        """Insert merged entries, after a check that no key was written twice.

        The check comes first because a merged key then looks like one of the mapping's
        own. Merged entries are counted: nested merges expand a short text without end.
        """
        if node not in self._unfolded:
            _refuse_duplicate_key(node)
            self._unfolded[node] = len(node.value)
            self._unfolded[node] = len(node.value) + self._count_merged(node)
        super().flatten_mapping(node)
        # Only the last entry of a key counts: the others would double with each merge.
        node.value = list({_identity(key): (key, v) for key, v in node.value}.values())

    def _count_merged(self, node: Any) -> int:  # noqa: ANN401
        merged = 0
        for value in (v for key, v in node.value if key.tag == _CORE + "merge"):
            parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for part in (p for p in parts if isinstance(p, yaml.MappingNode)):
                self.flatten_mapping(part)
                merged += self._unfolded[part]
                if merged > MAX_NODES:
                    problem = f"merges unfold to more than {MAX_NODES} entries"
                    raise yaml.MarkedYAMLError(
                        problem=problem, problem_mark=node.start_mark
                    )
        return merged


def _identity(key: Any) -> object:  # noqa: ANN401
    return (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else key


def _refuse_duplicate_key(node: Any) -> None:  # noqa: ANN401
    known_keys = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != _CORE + "merge":
            if key.value in known_keys:
                problem = f"the key '{key.value}' is there twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            known_keys.add(key.value)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]{1,18}", list("-+0123456789")),
    ("float", r"[-+]?[0-9]+\.[0-9]*(e[-+]?[0-9]{1,3})?", list("-+0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_CORE + _tag, re.compile(f"^(?:{_pattern})$"), _first)


def parse_yaml(text: str, name: str) -> tuple[Tree, list[ConfigProblem]]:
    """The tree of a YAML text, or its faults. ``name`` is that of the file."""
    try:
        _refuse_depth(text)
        node = yaml.load(text, _Loader)  # noqa: S506 - a safe loader, made stricter
    except yaml.MarkedYAMLError as error:
        return {}, [_syntax(name, error)]
    except (yaml.YAMLError, ValueError, KeyError, TypeError, RecursionError):
        return {}, [ConfigProblem(name, "a text that is no YAML", "YAML")]
    if not isinstance(node, dict | None):
        actual = "a list" if isinstance(node, list) else "a single value"
        return {}, [
            ConfigProblem(name, actual, "keys with values, as in `targets: {...}`")
        ]
    faults = structure_faults(node)
    return ({} if faults or node is None else node), faults


def _refuse_depth(text: str) -> None:
    """Refuse deep nesting: the C parser recurses, and brackets alone would crash it."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {MAX_DEPTH} levels",
                problem_mark=event.start_mark,  # type: ignore[arg-type]
            )


def _syntax(name: str, error: yaml.MarkedYAMLError) -> ConfigProblem:
    mark = error.problem_mark or error.context_mark
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    actual = error.problem or error.context or "a text that is no YAML"
    return ConfigProblem(
        where, actual, "YAML", "look at that line and the one before it"
    )
