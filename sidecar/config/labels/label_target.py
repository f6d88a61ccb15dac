"""One target from labels: ``sidecar.restart.budget=3`` is ``restart: {budget: 3}``."""

import math
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import msgspec

from sidecar.config.check.cron import shortest_gap_s
from sidecar.config.check.targets import target_faults
from sidecar.config.check.urls import host_of
from sidecar.config.convert import build_target, probe_paths
from sidecar.config.file.model import Defaults, TargetSection
from sidecar.config.file.raw_tree import Tree, merge_trees
from sidecar.config.file.schema import (
    RENAMED_KEYS,
    describe_allowed,
    keys,
    schema,
)
from sidecar.config.file.setting_types import value_or
from sidecar.config.labels import label_rules
from sidecar.config.problem import ConfigError, ConfigProblem, quote_value
from sidecar.config.secrets import SecretReader, show_masked
from sidecar.config.settings import Settings
from sidecar.core.model.target import RestartSettings, Target
from sidecar.core.text.known_names import find_nearest

PREFIX = label_rules.PREFIX
_LISTS = ("depends_on", "restart.slow_lane", "probe.expect_status", "probe.set")
_COMMANDS = ("probe.command", "busy.command")
_NOT_BY_LABEL = ("service", "container")
_ERROR = re.compile(r"(?P<why>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`")
_STOP_SECONDS = re.compile(r"[0-9]{1,4}")

Labels = tuple[tuple[str, str], ...]


CACHED_TARGETS = 16_384
"""More than MOST_TARGETS: otherwise each listing would work out all of them again."""


@lru_cache(maxsize=CACHED_TARGETS)
def resolve_labels(
    settings: Settings,
    name: str,
    labels: Labels,
    own: tuple[str, ...],
    base: Labels = (),
) -> Target:
    """The target of ``labels`` and of the settings; the settings take precedence.

    ``own``: the names of the labelled container, the only hosts that its labels may
    name. ``base``: labels with the lowest precedence. Raises ConfigError, with full
    label names as paths; an error is not cached.
    """
    _raise_if_any(label_rules.text_faults(labels))
    _raise_if_any(_label_faults(labels))
    of_file = value_or(settings.document.targets, {})
    section = of_file.get(name, TargetSection())
    declared: Tree = msgspec.to_builtins(section)
    label_tree = merge_trees(_tree(labels), _tree(base))
    try:
        both = msgspec.convert(
            _merge_over(declared, label_tree), TargetSection, strict=False
        )
    except msgspec.ValidationError as error:
        raise ConfigError([_label_problem(error, dict(labels))]) from None
    _raise_if_any(_unsafe_labels(labels, declared, own))
    reader = SecretReader()
    target = build_target(
        name, both, value_or(settings.document.defaults, Defaults()), reader
    )
    unfit = target_faults(target, probe_paths(name, both))
    _raise_if_any(_as_label(fault, name) for fault in (*reader.faults, *unfit))
    _raise_if_any(_unsafe_target(target, declared, own))
    return target if name in of_file else replace(target, declared=False)


def _unsafe_labels(
    labels: Labels, declared: Tree, own: tuple[str, ...]
) -> Iterator[ConfigProblem]:
    """Faults of label values that would be in force and exceed a label's bounds."""
    free = tuple(
        (label, value)
        for label, value in labels
        if not label_rules.is_set(declared, label.removeprefix(PREFIX))
    )
    yield from label_rules.bound_faults(free)
    busy = dict(free).get(f"{PREFIX}busy.url")
    if busy is not None:
        yield from label_rules.host_faults("busy.url", host_of(busy), own)


def _unsafe_target(
    target: Target, declared: Tree, own: tuple[str, ...]
) -> Iterator[ConfigProblem]:
    """Faults of a target's values that come from labels and not from the settings."""
    if not label_rules.is_set(declared, "probe"):
        for probe in target.probes:
            yield from label_rules.probe_faults(probe, own)
    cron = target.preventive.cron if target.preventive else None
    if cron is not None and not label_rules.is_set(declared, "preventive.cron"):
        yield from label_rules.gap_faults(shortest_gap_s(cron))


def watched_labels(stop_timeout: str | None, engines_own_s: float) -> Labels:
    """The labels in force for a container that only the watch label selects.

    ``stop_timeout`` is the label's value; None: the engine's own stop timeout,
    ``engines_own_s``, is used. Raises ConfigError.
    """
    most_s = round(label_rules.longest_stop_s())
    if stop_timeout is None:
        return _stop_labels(math.ceil(min(engines_own_s, most_s)))
    if not _STOP_SECONDS.fullmatch(stop_timeout):
        raise ConfigError(
            [_stop_timeout_problem(stop_timeout, "whole seconds such as 10")]
        )
    if int(stop_timeout) > most_s:
        raise ConfigError([_stop_timeout_problem(stop_timeout, f"at most {most_s}")])
    return _stop_labels(int(stop_timeout))


def _stop_labels(stop_s: int) -> Labels:
    dead_s = min(stop_s, round(RestartSettings().dead_stop_timeout_s))
    return (
        (f"{PREFIX}probe.type", "docker"),
        (f"{PREFIX}restart.stop_timeout", f"{stop_s}s"),
        (f"{PREFIX}restart.dead_stop_timeout", f"{dead_s}s"),
    )


def _stop_timeout_problem(value: str, allowed_s: str) -> ConfigProblem:
    return ConfigProblem("autoheal.stop.timeout", quote_value(value), allowed_s)


def _raise_if_any(faults: Iterator[ConfigProblem]) -> None:
    problems = tuple(faults)
    if problems:
        raise ConfigError(problems)


@cache
def _known_keys() -> dict[str, str]:
    """Every label without its prefix, and a description of its allowed values."""
    definitions: Any = schema()["$defs"]
    words: dict[str, dict[str, None]] = {}
    for key, part in keys(definitions[TargetSection.__name__]):
        if key not in _NOT_BY_LABEL and label_rules.refusal(key) is None:
            words.setdefault(key, {})[describe_allowed(part)] = None
    return {key: ", ".join(each) for key, each in words.items()}


def _label_faults(labels: Labels) -> Iterator[ConfigProblem]:
    for label, value in labels:
        key = label.removeprefix(PREFIX)
        refused = label_rules.refusal(key)
        if refused is not None:
            yield refused
        elif key not in _known_keys():
            near = find_nearest(key, tuple(_known_keys()))
            hint = f"did you mean {PREFIX}{near}?" if near else ""
            if key in RENAMED_KEYS:
                hint = f"it is called {PREFIX}{RENAMED_KEYS[key]} now"
            yield ConfigProblem(
                label, "an unknown label", "see docs/configuration.md", hint
            )
        elif key in _COMMANDS and _split_command(value) is None:
            yield ConfigProblem(
                label, "quotes that do not close", "a command and its words"
            )


def _split_command(command: str) -> list[str] | None:
    try:
        return shlex.split(command)
    except ValueError:
        return None


def _tree(labels: Labels) -> Tree:
    tree: dict[str, Tree] = {}
    for label, value in labels:
        key = label.removeprefix(PREFIX)
        *parents, last = key.split(".")
        node: Any = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = _value(key, value)
    return tree


def _value(key: str, value: str) -> Tree:
    if key in _COMMANDS:
        return [*(_split_command(value) or ())]
    if key in _LISTS:
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _merge_over(declared: Tree, label_tree: Tree) -> Tree:
    """Merge settings over labels; two probes of different types are not merged."""
    assert isinstance(declared, dict)
    assert isinstance(label_tree, dict)
    ours, theirs = declared.get("probe"), label_tree.get("probe")
    if ours is None or theirs is None:
        return merge_trees(declared, label_tree)
    assert isinstance(theirs, dict)
    mixes = isinstance(ours, dict) and theirs.get("type") in {None, ours["type"]}
    return merge_trees(declared, label_tree if mixes else {**label_tree, "probe": ours})


def _label_problem(
    error: msgspec.ValidationError, labels: dict[str, str]
) -> ConfigProblem:
    """A validation error of msgspec as the fault of one label."""
    parts = _ERROR.fullmatch(str(error))
    why, path = (parts["why"], parts["path"] or "") if parts else (str(error), "")
    field = _FIELD.match(why)
    key = f"{path}.{field[2]}".removeprefix(".") if field else path.partition("[")[0]
    label = f"{PREFIX}{key}"
    words = _known_keys().get(key, why)
    if field and field[1].startswith("missing"):
        return ConfigProblem(label, "nothing", words, "it is needed")
    if field:
        return ConfigProblem(
            label, "a key that this type of probe does not have", "none"
        )
    return ConfigProblem(
        label, show_masked(labels.get(label), (*key.split("."),)), words
    )


def _as_label(fault: ConfigProblem, name: str) -> ConfigProblem:
    key = fault.path.removeprefix(f"targets.{name}.")
    return ConfigProblem(f"{PREFIX}{key}", fault.actual, fault.allowed, fault.hint)
