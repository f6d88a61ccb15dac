"""Which targets are in force once the labels of containers have had their say."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice, pairwise
from typing import NamedTuple

from sidecar.config.file.model import TargetSection
from sidecar.config.file.setting_types import NAME_WORDS, is_name, value_or
from sidecar.config.labels.label_target import (
    PREFIX,
    Labels,
    resolve_labels,
    watched_target,
)
from sidecar.config.problem import ConfigError, ConfigProblem, quoted
from sidecar.config.settings import Settings
from sidecar.core.model.container import Container, NativeHealth
from sidecar.core.model.dependency_graph import (
    dependencies_of,
    find_cycle,
    unknown_names,
)
from sidecar.core.model.target import Target

_ENABLE = f"{PREFIX}enable"
_STOP_TIMEOUT = "autoheal.stop.timeout"
_MOST_FAULTS = 8
MOST_TARGETS = 1000
"""Labels add no more than that: each target is asked, paced and remembered."""

_TOO_MANY = ConfigProblem(
    _ENABLE,
    f"more than {MOST_TARGETS} targets",
    f"at most {MOST_TARGETS}",
    "this container and those after it are not watched",
)
_BOOLEANS = {"true": True, "false": False}


class _Owner(NamedTuple):
    """What a target owns: a compose service, or a container by its name."""

    service: str | None
    container: str | None


def targets_in_force(
    settings: Settings, containers: Iterable[Container]
) -> tuple[tuple[Target, ...], tuple[ConfigProblem, ...]]:
    """The targets of the settings with what the labels add, and the bad labels.

    A bad label leaves its target as the settings say it, or out. The first
    sight of a label may read a file (``password_file``, a time zone), so call
    this in a thread. Leave the sidecar's own container out of ``containers``.
    """
    newest_last = sorted(containers, key=lambda c: c.started_at)
    named = {c.name: c for c in newest_last}
    declared = [_locate_urls(settings, t, newest_last, named) for t in settings.targets]
    taken = {t.container for t in declared}
    owned = {_find_owner(c): c for c in newest_last if c.name not in taken}
    faults: list[ConfigProblem] = []
    found: dict[str, Target] = {}
    for target in declared:
        owner = _Owner(target.service, target.container)
        container = named.get(target.container or "") or owned.pop(owner, None)
        found[target.name] = _fill_in(settings, target, container, faults)
    for container in sorted(owned.values(), key=_name):
        added = _add_target(settings, container, found, faults)
        if added is None:
            continue
        if len(found) - len(declared) >= MOST_TARGETS:
            faults += _find_by_name([_TOO_MANY], container)
            break
        found[added.name] = added
    faults += _drop_unknown_dependencies(settings, found)
    return tuple(found.values()), tuple(faults)


def _name(container: Container) -> str:
    return container.service or container.name


def _names(container: Container) -> tuple[str, ...]:
    """The hosts that are the container itself."""
    return tuple(name for name in (container.service, container.name) if name)


def _target_name(container: Container, taken: Collection[str]) -> str:
    """The name of the target that its labels make; ConfigFaults: it can have none."""
    name = _name(container)
    if not is_name(name):
        found = f"the name {name[:60]!r}"
        raise ConfigError(
            [ConfigProblem(_ENABLE, found, f"a container with {NAME_WORDS}")]
        )
    if name in taken:
        allowed = f"a name other than that of the target {name!r}"
        raise ConfigError([ConfigProblem(_ENABLE, f"the service {name!r}", allowed)])
    return name


def _find_owner(container: Container) -> _Owner:
    if container.service:
        return _Owner(container.service, None)
    return _Owner(None, container.name)


def _locate_urls(
    settings: Settings,
    target: Target,
    containers: Iterable[Container],
    named: Mapping[str, Container],
) -> Target:
    """A target of which only the name was said can be a container's name as well."""
    section = value_or(settings.document.targets, {}).get(target.name, TargetSection())
    told = value_or(section.service, None) or value_or(section.container, None)
    if told or target.name not in named:
        return target
    if any(c.service == target.name for c in containers):
        return target
    return replace(target, service=None, container=target.name)


def _fill_in(
    settings: Settings,
    target: Target,
    container: Container | None,
    faults: list[ConfigProblem],
) -> Target:
    labels = _own_labels(container)
    if container is None or not labels:
        return target
    enabled, rest, wrong = _split(labels)
    faults += _find_by_name(wrong, container)
    try:
        own = _names(container)
        made = resolve_labels(settings, target.name, rest, own) if rest else target
    except ConfigError as error:
        faults += _find_by_name(error.faults, container)
        made = target
    located = _problem_at(made, _Owner(target.service, target.container))
    return _has_opted_out(located) if enabled is False else located


def _add_target(
    settings: Settings,
    container: Container,
    taken: Collection[str],
    faults: list[ConfigProblem],
) -> Target | None:
    """The target that a container's labels make, where they make one."""
    enabled, rest, wrong = _split(_own_labels(container))
    faults += _find_by_name(wrong, container)
    watch = _watched_target(settings, container)
    if not enabled and not watch:
        if rest and enabled is None:
            hint = "add sidecar.enable=true to have it watched"
            fault = ConfigProblem(_ENABLE, "nothing", "true or false", hint)
            faults += _find_by_name([fault], container)
        return None
    stop_timeout = container.labels.get(_STOP_TIMEOUT) if watch else None
    try:
        name = _target_name(container, taken)
        engines_own_s = container.stop_timeout_s
        base = watched_target(stop_timeout, engines_own_s) if watch else ()
        made = resolve_labels(settings, name, rest, _names(container), base)
    except ConfigError as error:
        faults += _find_by_name(error.faults, container)
        return None
    located = _problem_at(made, _find_owner(container))
    if enabled is None:
        return replace(located, may_finish=True)
    return _has_opted_out(located) if enabled is False else located


def _watched_target(settings: Settings, container: Container) -> bool:
    label = settings.watch_label
    if label is None or container.health is NativeHealth.NONE:
        return False
    return container.labels.get(label, "").lower() == "true"


def _own_labels(container: Container | None) -> Labels:
    labels = container.labels.items() if container else ()
    return tuple(sorted(item for item in labels if item[0].startswith(PREFIX)))


def _split(labels: Labels) -> tuple[bool | None, Labels, list[ConfigProblem]]:
    """What ``sidecar.enable`` says (None: nothing), the rest, and faults."""
    rest = tuple(item for item in labels if item[0] != _ENABLE)
    said_of = dict(labels).get(_ENABLE)
    if said_of is None:
        return None, rest, []
    enabled = _BOOLEANS.get(said_of.strip().lower())
    if enabled is None:
        return None, rest, [ConfigProblem(_ENABLE, quoted(said_of), "true or false")]
    return enabled, rest, []


def _problem_at(target: Target, owner: _Owner) -> Target:
    if (target.service, target.container) == owner:
        return target
    return replace(target, service=owner.service, container=owner.container)


def _has_opted_out(target: Target) -> Target:
    return replace(target, restart=replace(target.restart, enabled=False))


def _find_by_name(
    faults: Collection[ConfigProblem], container: Container
) -> Iterator[ConfigProblem]:
    """The first of them with the container's name; of the others their number."""
    whose = f"container {container.name}"
    for fault in islice(faults, _MOST_FAULTS):
        yield replace(fault, path=f"{whose}, label {fault.path}")
    more = len(faults) - _MOST_FAULTS
    if more > 0:
        yield ConfigProblem(f"{whose}, labels", f"{more} further faults", "none")


def _drop_unknown_dependencies(
    settings: Settings, found: dict[str, Target]
) -> Iterator[ConfigProblem]:
    """Take out dependencies named by labels that lead nowhere or in a circle."""
    for name, missing in unknown_names(dependencies_of(found.values())):
        yield _drop_dependency(found, name, missing, "the name of a target")
    while circle := find_cycle(dependencies_of(found.values())):
        by_label = (
            (name, upstream)
            for name, upstream in pairwise(circle)
            if not _declares_needs(settings, name)
        )
        name, upstream = next(by_label)
        yield _drop_dependency(found, name, upstream, "no circle of dependencies")


def _declares_needs(settings: Settings, name: str) -> bool:
    section = value_or(settings.document.targets, {}).get(name)
    return section is not None and value_or(section.depends_on, None) is not None


def _drop_dependency(
    found: dict[str, Target], name: str, upstream: str, allowed: str
) -> ConfigProblem:
    target = found[name]
    rest = tuple(other for other in target.depends_on if other != upstream)
    found[name] = replace(target, depends_on=rest)
    path = f"target {name}, label {PREFIX}depends_on"
    return ConfigProblem(path, repr(upstream), allowed, "this dependency is ignored")
