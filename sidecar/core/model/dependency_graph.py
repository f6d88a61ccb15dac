"""Dependency graph of the targets: roots and dependents. Names are target names."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sidecar.core.model.target import Target

Dependencies = Mapping[str, tuple[str, ...]]
"""A target's name and the names that it depends on."""


def dependencies_of(targets: Iterable[Target]) -> Dependencies:
    """The graph that the targets' settings describe."""
    return {target.name: target.depends_on for target in targets}


def all_dependencies(needs: Dependencies, name: str) -> tuple[str, ...]:
    """All dependencies of ``name``, direct and indirect, roots first."""
    ordered_names: dict[str, None] = {}
    _collect(needs, name, ordered_names)
    ordered_names.pop(name, None)
    return tuple(ordered_names)


def _collect(needs: Dependencies, name: str, ordered_names: dict[str, None]) -> None:
    """Add each name once, after its dependencies; without recursion."""
    if name in ordered_names:
        return
    stack = [(name, iter(needs.get(name, ())))]
    path = {name}
    while stack:
        current, rest = stack[-1]
        upstream = next(
            (n for n in rest if n not in path and n not in ordered_names), None
        )
        if upstream is not None:
            path.add(upstream)
            stack.append((upstream, iter(needs.get(upstream, ()))))
            continue
        stack.pop()
        path.discard(current)
        ordered_names.setdefault(current)


def sort_by_dependency(needs: Dependencies) -> tuple[str, ...]:
    """All names, each after its dependencies; otherwise in the given order."""
    ordered_names: dict[str, None] = {}
    for name in needs:
        _collect(needs, name, ordered_names)
    return tuple(ordered_names)


def unknown_names(needs: Dependencies) -> tuple[tuple[str, str], ...]:
    """Pairs (target, name it depends on that is no target)."""
    return tuple(
        (name, upstream)
        for name, upstream_names in needs.items()
        for upstream in upstream_names
        if upstream not in needs
    )


def find_cycle(needs: Dependencies) -> tuple[str, ...]:
    """One dependency cycle, its first name repeated at the end; () if none."""
    return next(find_cycles(needs), ())


def find_cycles(needs: Dependencies) -> Iterator[tuple[str, ...]]:
    """The cycles, one after the other; each must be broken in ``needs`` at once.

    Names that are in no cycle are walked once, however many cycles there are.
    """
    checked_names: set[str] = set()
    for name in needs:
        while cycle := _cycle_from(needs, name, checked_names):
            yield cycle


def _cycle_from(
    needs: Dependencies, name: str, checked_names: set[str]
) -> tuple[str, ...]:
    path = {name: iter(needs.get(name, ()))}
    while path:
        current = next(reversed(path))
        upstream = next((n for n in path[current] if n not in checked_names), None)
        if upstream is None:
            checked_names.add(current)
            del path[current]
        elif upstream in path:
            names = tuple(path)
            return (*names[names.index(upstream) :], upstream)
        else:
            path[upstream] = iter(needs.get(upstream, ()))
    return ()


@dataclass(frozen=True, slots=True)
class DependencyGraph:
    """The graph, computed once per list of targets."""

    upstreams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dependents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    presumed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Wallet daemons that a target may need, for targets with no edge in the graph.

    A wallet target from labels alone is not presumed for a target from the settings.
    """
    has_wallet: bool = False
    """Is any target a wallet daemon?"""
    precedence: Mapping[str, int] = field(default_factory=dict)
    """Of targets that fail, the one with the lowest number is decided on first."""


def build_graph(targets: Iterable[Target]) -> DependencyGraph:
    """Compute the graph; a name that is no target has no dependencies."""
    targets = tuple(targets)
    needs = dependencies_of(targets)
    upstreams = {name: all_dependencies(needs, name) for name in needs}
    dependents: dict[str, list[str]] = {name: [] for name in needs}
    for name in sort_by_dependency(needs):
        for upstream in upstreams.get(name, ()):
            dependents.setdefault(upstream, []).append(name)
    return DependencyGraph(
        upstreams,
        {name: tuple(names) for name, names in dependents.items()},
        _presumed_dependencies(targets, dependents),
        any(target.wallet is not None for target in targets),
        {t.name: _precedence(t, len(upstreams[t.name])) for t in targets},
    )


def _precedence(target: Target, depth: int) -> int:
    """Roots come first, then the targets of the settings, then wallet daemons."""
    return 4 * depth + 2 * (not target.declared) + (target.wallet is None)


def _presumed_dependencies(
    targets: Iterable[Target], dependents: Mapping[str, list[str]]
) -> Dependencies:
    """The wallet daemons that each target without an edge may need, where any."""
    wallets = [target for target in targets if target.wallet is not None]
    # Two lists that all targets share: one for each target grows with the square.
    of_labelled = tuple(wallet.name for wallet in wallets)
    of_declared = tuple(wallet.name for wallet in wallets if wallet.declared)
    unrelated = (
        t for t in targets if not (t.depends_on or dependents[t.name] or t.wallet)
    )
    presumed = (
        (target.name, of_declared if target.declared else of_labelled)
        for target in unrelated
    )
    return {name: names for name, names in presumed if names}
