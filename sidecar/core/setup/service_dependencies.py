"""Dependencies among the services that are to be watched."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sidecar.core.model.dependency_graph import find_cycle
from sidecar.core.setup.stack_facts import ServiceFacts, StackFacts
from sidecar.core.setup.variables import references_to


class DependencyEvidence(NamedTuple):
    """A service that another needs, and how that was evidence_by_name."""

    name: str
    why: str


Dependencies = Mapping[str, tuple[DependencyEvidence, ...]]


def find_dependencies(stack: StackFacts, watched: Iterable[str]) -> Dependencies:
    """The watched services that each watched service needs, through others as well.

    What compose says comes first. A variable that would close a cycle is left out:
    it may be the address of a callback.
    """
    names = tuple(watched)
    evidence_by_name: dict[str, tuple[DependencyEvidence, ...]] = dict.fromkeys(
        names, ()
    )
    for collect in (_named_by_compose, _named_by_variables):
        for name in names:
            service = stack.find(name)
            if service is None:
                continue
            for evidence in collect(service, stack, names):
                _add(evidence_by_name, name, evidence)
    return evidence_by_name


def _add(
    evidence_by_name: dict[str, tuple[DependencyEvidence, ...]],
    name: str,
    evidence: DependencyEvidence,
) -> None:
    known_names = {e.name for e in evidence_by_name[name]}
    if evidence.name == name or evidence.name in known_names:
        return
    needs = {
        key: tuple(e.name for e in value) for key, value in evidence_by_name.items()
    }
    needs[name] = (*needs[name], evidence.name)
    if not find_cycle(needs):
        evidence_by_name[name] = (*evidence_by_name[name], evidence)


def _named_by_compose(
    service: ServiceFacts, stack: StackFacts, watched: tuple[str, ...]
) -> list[DependencyEvidence]:
    """Services that ``depends_on`` names; those that are not watched are passed."""
    evidence: list[DependencyEvidence] = []
    visited_names = {service.name}
    waiting = [(name, "") for name in service.depends_on]
    while waiting:
        name, by_way_of = waiting.pop(0)
        if name in visited_names:
            continue
        visited_names.add(name)
        if name in watched:
            way = f" by way of {by_way_of}" if by_way_of else ""
            evidence.append(DependencyEvidence(name, f"depends_on of compose{way}"))
            continue
        middle = stack.find(name)
        if middle is not None:
            waiting += [(next_name, middle.name) for next_name in middle.depends_on]
    return evidence


def _named_by_variables(
    service: ServiceFacts, stack: StackFacts, watched: tuple[str, ...]
) -> list[DependencyEvidence]:
    evidence = []
    for other in stack.others():
        if other is service or other.name not in watched:
            continue
        reference = next(references_to(other, service), None)
        if reference is not None:
            why = f"its variable {reference.variable} names it"
            evidence.append(DependencyEvidence(other.name, why))
    return evidence
