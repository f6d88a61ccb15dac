"""Roots and dependents: who needs whom. Names are target names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sidecar.core.target import Target

Needs = Mapping[str, tuple[str, ...]]
"""A target's name and the names that it depends on."""


def needs_of(targets: Iterable[Target]) -> Needs:
    """The graph that the targets' settings describe."""
    return {target.name: target.depends_on for target in targets}


def upstreams(needs: Needs, name: str) -> tuple[str, ...]:
    """Everything that ``name`` needs, directly or not, roots first."""
    found: dict[str, None] = {}
    _collect(needs, name, found, frozenset())
    found.pop(name, None)
    return tuple(found)


def _collect(
    needs: Needs, name: str, found: dict[str, None], path: frozenset[str]
) -> None:
    if name in path:
        return
    for upstream in needs.get(name, ()):
        _collect(needs, upstream, found, path | {name})
    found.setdefault(name)


def order(needs: Needs) -> tuple[str, ...]:
    """All names, each after what it needs; otherwise as given."""
    found: dict[str, None] = {}
    for name in needs:
        _collect(needs, name, found, frozenset())
    return tuple(found)


def unknown_names(needs: Needs) -> tuple[tuple[str, str], ...]:
    """Pairs (target, name it depends on that is no target)."""
    return tuple(
        (name, upstream)
        for name, upstream_names in needs.items()
        for upstream in upstream_names
        if upstream not in needs
    )


def cycle(needs: Needs) -> tuple[str, ...]:
    """One circle of dependencies, first name repeated at its end; () if none."""
    done: set[str] = set()
    for name in needs:
        found = _walk(needs, name, (), done)
        if found:
            return found
    return ()


def _walk(
    needs: Needs, name: str, path: tuple[str, ...], done: set[str]
) -> tuple[str, ...]:
    if name in path:
        return (*path[path.index(name) :], name)
    if name in done:
        return ()
    for upstream in needs.get(name, ()):
        found = _walk(needs, upstream, (*path, name), done)
        if found:
            return found
    done.add(name)
    return ()


@dataclass(frozen=True, slots=True)
class Topology:
    """The graph worked out once per list of targets, for the hot path."""

    upstreams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dependents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def work_out(targets: Iterable[Target]) -> Topology:
    """Everything needed of the graph; a name that is no target needs nothing."""
    needs = needs_of(targets)
    above = {name: upstreams(needs, name) for name in needs}
    below: dict[str, tuple[str, ...]] = dict.fromkeys(needs, ())
    for name in order(needs):
        for upstream in above.get(name, ()):
            below[upstream] = (*below.get(upstream, ()), name)
    return Topology(above, below)
