"""Roots and dependents: who needs whom. Names are target names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sidecar.core.model.target import Target

Dependencies = Mapping[str, tuple[str, ...]]
"""A target's name and the names that it depends on."""


def dependencies_of(targets: Iterable[Target]) -> Dependencies:
    """The graph that the targets' settings describe."""
    return {target.name: target.depends_on for target in targets}


def all_dependencies(needs: Dependencies, name: str) -> tuple[str, ...]:
    """Everything that ``name`` needs, directly or not, roots first."""
    found: dict[str, None] = {}
    _collect(needs, name, found)
    found.pop(name, None)
    return tuple(found)


def _collect(needs: Dependencies, name: str, found: dict[str, None]) -> None:
    """Each once, after what it needs; however long the chains are."""
    if name in found:
        return
    ways = [(name, iter(needs.get(name, ())))]
    path = {name}
    while ways:
        here, rest = ways[-1]
        upstream = next((n for n in rest if n not in path and n not in found), None)
        if upstream is not None:
            path.add(upstream)
            ways.append((upstream, iter(needs.get(upstream, ()))))
            continue
        ways.pop()
        path.discard(here)
        found.setdefault(here)


def sort_by_dependency(needs: Dependencies) -> tuple[str, ...]:
    """All names, each after what it needs; otherwise as given."""
    found: dict[str, None] = {}
    for name in needs:
        _collect(needs, name, found)
    return tuple(found)


def unknown_names(needs: Dependencies) -> tuple[tuple[str, str], ...]:
    """Pairs (target, name it depends on that is no target)."""
    return tuple(
        (name, upstream)
        for name, upstream_names in needs.items()
        for upstream in upstream_names
        if upstream not in needs
    )


def find_cycle(needs: Dependencies) -> tuple[str, ...]:
    """One circle of dependencies, first name repeated at its end; () if none."""
    done: set[str] = set()
    for name in needs:
        found = _cycle_from(needs, name, done)
        if found:
            return found
    return ()


def _cycle_from(needs: Dependencies, name: str, done: set[str]) -> tuple[str, ...]:
    path = {name: iter(needs.get(name, ()))}
    while path:
        here = next(reversed(path))
        upstream = next((n for n in path[here] if n not in done), None)
        if upstream is None:
            done.add(here)
            del path[here]
        elif upstream in path:
            names = tuple(path)
            return (*names[names.index(upstream) :], upstream)
        else:
            path[upstream] = iter(needs.get(upstream, ()))
    return ()


@dataclass(frozen=True, slots=True)
class DependencyGraph:
    """The graph worked out once per list of targets, for the hot path."""

    upstreams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dependents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    presumed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The wallet daemons that a target may need of which the graph says nothing at all.

    A wallet that labels alone made is none of a target that the settings name.
    """


def build_graph(targets: Iterable[Target]) -> DependencyGraph:
    """Everything needed of the graph; a name that is no target needs nothing."""
    targets = tuple(targets)
    needs = dependencies_of(targets)
    above = {name: all_dependencies(needs, name) for name in needs}
    below: dict[str, tuple[str, ...]] = dict.fromkeys(needs, ())
    for name in sort_by_dependency(needs):
        for upstream in above.get(name, ()):
            below[upstream] = (*below.get(upstream, ()), name)
    alone = (t for t in targets if not (t.depends_on or below[t.name] or t.wallet))
    presumed = {
        target.name: _presumed_dependencies(target, targets) for target in alone
    }
    return DependencyGraph(above, below, {name: w for name, w in presumed.items() if w})


def _presumed_dependencies(
    target: Target, targets: Iterable[Target]
) -> tuple[str, ...]:
    wallets = (one for one in targets if one.wallet is not None)
    return tuple(w.name for w in wallets if w.declared or not target.declared)
