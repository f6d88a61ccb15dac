"""The targets in force: those of the settings, completed and extended by labels."""

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
    watched_labels,
)
from sidecar.config.problem import ConfigError, ConfigProblem, quote_value
from sidecar.config.settings import Settings
from sidecar.core.model.container import Container, NativeHealth
from sidecar.core.model.dependency_graph import (
    dependencies_of,
    find_cycles,
    unknown_names,
)
from sidecar.core.model.target import Target

_ENABLE = f"{PREFIX}enable"
_STOP_TIMEOUT = "autoheal.stop.timeout"
_MOST_FAULTS = 8
MOST_TARGETS = 10_000
"""Maximum number of targets from labels: each one costs probes, timers and memory."""

_TOO_MANY = ConfigProblem(
    _ENABLE,
    f"more than {MOST_TARGETS:,} targets",
    f"at most {MOST_TARGETS:,}",
    "this container and those after it are not watched",
)
_BOOLEANS = {"true": True, "false": False}


class _Owner(NamedTuple):
    """The owner of a target's containers: a compose service, or a container name."""

    service: str | None
    container: str | None


def targets_in_force(
    settings: Settings, containers: Iterable[Container]
) -> tuple[tuple[Target, ...], tuple[ConfigProblem, ...]]:
    """The targets of the settings and of labels, and the faults of labels.

    A bad label leaves its target as the settings define it, or without one leaves
    the target out. A new label may cause a file to be read (``password_file``, a
    time zone): call this in a thread. ``containers`` must not include the sidecar's
    own.
    """
    newest_last = sorted(containers, key=lambda c: c.started_at)
    containers_by_name = {c.name: c for c in newest_last}
    services = {c.service for c in newest_last}
    declared = [
        _with_container_name(settings, t, services, containers_by_name)
        for t in settings.targets
    ]
    container_names = {t.container for t in declared}
    containers_by_owner = {
        _find_owner(c): c for c in newest_last if c.name not in container_names
    }
    faults: list[ConfigProblem] = []
    targets: dict[str, Target] = {}
    for target in declared:
        owner = _Owner(target.service, target.container)
        container = containers_by_name.get(
            target.container or ""
        ) or containers_by_owner.pop(owner, None)
        targets[target.name] = _fill_in(settings, target, container, faults)
    for container in sorted(containers_by_owner.values(), key=_own_name):
        new_target = _add_target(settings, container, targets, faults)
        if new_target is None:
            continue
        if len(targets) - len(declared) >= MOST_TARGETS:
            faults += _with_container_path([_TOO_MANY], container)
            break
        targets[new_target.name] = new_target
    faults += _drop_unknown_dependencies(settings, targets)
    return tuple(targets.values()), tuple(faults)


def _own_name(container: Container) -> str:
    return container.service or container.name


def _host_names(container: Container) -> tuple[str, ...]:
    """The host names of the container itself."""
    return tuple(name for name in (container.service, container.name) if name)


def _target_name(container: Container, used_names: Collection[str]) -> str:
    """The name of a target made by labels. ConfigError if it is invalid or in use."""
    name = _own_name(container)
    if not is_name(name):
        actual = f"the name {name[:60]!r}"
        raise ConfigError(
            [ConfigProblem(_ENABLE, actual, f"a container with {NAME_WORDS}")]
        )
    if name in used_names:
        allowed = f"a name other than that of the target {name!r}"
        raise ConfigError([ConfigProblem(_ENABLE, f"the service {name!r}", allowed)])
    return name


def _find_owner(container: Container) -> _Owner:
    if container.service:
        return _Owner(container.service, None)
    return _Owner(None, container.name)


def _with_container_name(
    settings: Settings,
    target: Target,
    services: Collection[str],
    containers_by_name: Mapping[str, Container],
) -> Target:
    """The target with its name as the container's name, where no service has it.

    Only where the settings name neither a service nor a container.
    """
    if target.name in services or target.name not in containers_by_name:
        return target
    section = value_or(settings.document.targets, {}).get(target.name, TargetSection())
    if value_or(section.service, None) or value_or(section.container, None):
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
    enabled, rest, wrong = _split_enable_label(labels)
    faults += _with_container_path(wrong, container)
    try:
        own = _host_names(container)
        labelled_target = (
            resolve_labels(settings, target.name, rest, own) if rest else target
        )
    except ConfigError as error:
        faults += _with_container_path(error.faults, container)
        labelled_target = target
    owned_target = _with_owner(
        labelled_target, _Owner(target.service, target.container)
    )
    return _without_restarts(owned_target) if enabled is False else owned_target


def _add_target(
    settings: Settings,
    container: Container,
    used_names: Collection[str],
    faults: list[ConfigProblem],
) -> Target | None:
    """The target that a container's labels define; None if they define none."""
    enabled, rest, wrong = _split_enable_label(_own_labels(container))
    faults += _with_container_path(wrong, container)
    watch = _is_watched_by_label(settings, container)
    if not enabled and not watch:
        if rest and enabled is None:
            hint = "add sidecar.enable=true to have it watched"
            fault = ConfigProblem(_ENABLE, "nothing", "true or false", hint)
            faults += _with_container_path([fault], container)
        return None
    stop_timeout = container.labels.get(_STOP_TIMEOUT) if watch else None
    try:
        name = _target_name(container, used_names)
        engines_own_s = container.stop_timeout_s
        base = watched_labels(stop_timeout, engines_own_s) if watch else ()
        target = resolve_labels(settings, name, rest, _host_names(container), base)
    except ConfigError as error:
        faults += _with_container_path(error.faults, container)
        return None
    owned_target = _with_owner(target, _find_owner(container))
    if enabled is None:
        return replace(owned_target, may_finish=True)
    return _without_restarts(owned_target) if enabled is False else owned_target


def _is_watched_by_label(settings: Settings, container: Container) -> bool:
    label = settings.watch_label
    if label is None or container.health is NativeHealth.NONE:
        return False
    return container.labels.get(label, "").lower() == "true"


def _own_labels(container: Container | None) -> Labels:
    labels = container.labels.items() if container else ()
    return tuple(sorted(item for item in labels if item[0].startswith(PREFIX)))


def _split_enable_label(
    labels: Labels,
) -> tuple[bool | None, Labels, list[ConfigProblem]]:
    """The value of ``sidecar.enable`` (None: not set), the other labels, and faults."""
    rest = tuple(item for item in labels if item[0] != _ENABLE)
    value = dict(labels).get(_ENABLE)
    if value is None:
        return None, rest, []
    enabled = _BOOLEANS.get(value.strip().lower())
    if enabled is None:
        return None, rest, [ConfigProblem(_ENABLE, quote_value(value), "true or false")]
    return enabled, rest, []


def _with_owner(target: Target, owner: _Owner) -> Target:
    if (target.service, target.container) == owner:
        return target
    return replace(target, service=owner.service, container=owner.container)


def _without_restarts(target: Target) -> Target:
    return replace(target, restart=replace(target.restart, enabled=False))


def _with_container_path(
    faults: Collection[ConfigProblem], container: Container
) -> Iterator[ConfigProblem]:
    """The first faults, with the container in their path; the rest as a count."""
    whose = f"container {container.name}"
    for fault in islice(faults, _MOST_FAULTS):
        yield replace(fault, path=f"{whose}, label {fault.path}")
    more = len(faults) - _MOST_FAULTS
    if more > 0:
        yield ConfigProblem(f"{whose}, labels", f"{more} further faults", "none")


def _drop_unknown_dependencies(
    settings: Settings, targets: dict[str, Target]
) -> Iterator[ConfigProblem]:
    """Remove dependencies from labels that name no target or form a cycle."""
    for name, missing in unknown_names(dependencies_of(targets.values())):
        yield _drop_dependency(targets, name, missing, "the name of a target")
    needs = dict(dependencies_of(targets.values()))
    for circle in find_cycles(needs):
        by_label = (
            (name, upstream)
            for name, upstream in pairwise(circle)
            if not _declares_needs(settings, name)
        )
        name, upstream = next(by_label)
        fault = _drop_dependency(targets, name, upstream, "no circle of dependencies")
        needs[name] = targets[name].depends_on
        yield fault


def _declares_needs(settings: Settings, name: str) -> bool:
    section = value_or(settings.document.targets, {}).get(name)
    return section is not None and value_or(section.depends_on, None) is not None


def _drop_dependency(
    targets: dict[str, Target], name: str, upstream: str, allowed: str
) -> ConfigProblem:
    target = targets[name]
    rest = tuple(other for other in target.depends_on if other != upstream)
    targets[name] = replace(target, depends_on=rest)
    path = f"target {name}, label {PREFIX}depends_on"
    return ConfigProblem(path, repr(upstream), allowed, "this dependency is ignored")
