"""One target from labels: ``sidecar.restart.budget=3`` is ``restart: {budget: 3}``."""

import re
import shlex
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any

import msgspec

from sidecar.config.build import probe_paths, target
from sidecar.config.check import target_faults
from sidecar.config.fault import ConfigFaults, Fault
from sidecar.config.model import Defaults, TargetSection, said
from sidecar.config.schema import allowed, keys, schema
from sidecar.config.secret import Vault, is_secret, shown
from sidecar.config.settings import Settings
from sidecar.config.tree import Tree, merged
from sidecar.core.target import RestartSettings, Target

PREFIX = "sidecar."
_HEADERS = "probe.headers."
_LISTS = ("depends_on", "restart.slow_lane", "probe.expect_status")
_COMMAND = "probe.command"
_NOT_BY_LABEL = ("service", "container")
_ERROR = re.compile(r"(?P<why>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`")
_STOP_SECONDS = re.compile(r"[0-9]{1,4}")

Labels = tuple[tuple[str, str], ...]


@lru_cache(maxsize=4096)
def resolved(
    settings: Settings, name: str, labels: Labels, base: Labels = ()
) -> Target:
    """The target that ``labels`` describe below what the settings say of it.

    ``base`` are labels that are in force where nobody else speaks. ConfigFaults
    has the full labels as paths; such a result is not remembered.
    """
    _refuse(_label_faults(labels))
    section = said(settings.document.targets, {}).get(name, TargetSection())
    declared: Tree = msgspec.to_builtins(section)
    spoken = merged(_tree(labels), _tree(base))
    try:
        both = msgspec.convert(_over(declared, spoken), TargetSection, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigFaults([_fault_of(error, dict(labels))]) from None
    vault = Vault()
    made = target(name, both, said(settings.document.defaults, Defaults()), vault)
    _refuse(
        _as_label(fault, name)
        for fault in (*vault.faults, *target_faults(made, probe_paths(name, both)))
    )
    return made


def watched(stop_timeout: str | None) -> Labels:
    """What is in force for a container watched for its native health alone."""
    probe = (f"{PREFIX}probe.type", "docker")
    if stop_timeout is None:
        return (probe,)
    if not _STOP_SECONDS.fullmatch(stop_timeout):
        allowed_s = "whole seconds such as 10"
        fault = Fault("autoheal.stop.timeout", repr(stop_timeout[:60]), allowed_s)
        raise ConfigFaults([fault])
    dead = min(int(stop_timeout), round(RestartSettings().dead_stop_timeout_s))
    return (
        probe,
        (f"{PREFIX}restart.stop_timeout", f"{stop_timeout}s"),
        (f"{PREFIX}restart.dead_stop_timeout", f"{dead}s"),
    )


def _refuse(faults: Iterator[Fault]) -> None:
    found = tuple(faults)
    if found:
        raise ConfigFaults(found)


@cache
def _known() -> dict[str, str]:
    """Every label, without the prefix, and what it allows in words."""
    definitions: Any = schema()["$defs"]
    words: dict[str, dict[str, None]] = {}
    for key, part in keys(definitions[TargetSection.__name__]):
        if key not in _NOT_BY_LABEL:
            words.setdefault(key, {})[allowed(part)] = None
    return {key: ", ".join(each) for key, each in words.items()}


def _label_faults(labels: Labels) -> Iterator[Fault]:
    for label, value in labels:
        key = label.removeprefix(PREFIX)
        header = key.startswith(_HEADERS)
        if is_secret((*key.split("."),)) and (header or key in _known()):
            hint = "anyone who can inspect the container reads its labels"
            instead = "the configuration file" if header else f"{label}_file"
            yield Fault(label, "a secret", instead, hint)
        elif not header and key not in _known():
            near = get_close_matches(key, _known(), 1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else ""
            yield Fault(label, "an unknown label", "see docs/configuration.md", hint)
        elif key == _COMMAND and _words(value) is None:
            yield Fault(label, "quotes that do not close", "a command and its words")


def _words(command: str) -> list[str] | None:
    try:
        return shlex.split(command)
    except ValueError:
        return None


def _tree(labels: Labels) -> Tree:
    tree: dict[str, Tree] = {}
    for label, value in labels:
        key = label.removeprefix(PREFIX)
        depth = 2 if key.startswith(_HEADERS) else -1
        *parents, last = key.split(".", depth)
        node: Any = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = _value(key, value)
    return tree


def _value(key: str, value: str) -> Tree:
    if key == _COMMAND:
        return [*(_words(value) or ())]
    if key in _LISTS:
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _over(declared: Tree, spoken: Tree) -> Tree:
    """The settings over the labels; a probe of another type is not mixed in."""
    assert isinstance(declared, dict)
    assert isinstance(spoken, dict)
    ours, theirs = declared.get("probe"), spoken.get("probe")
    if ours is None or theirs is None:
        return merged(declared, spoken)
    assert isinstance(theirs, dict)
    mixes = isinstance(ours, dict) and theirs.get("type") in {None, ours["type"]}
    return merged(declared, spoken if mixes else {**spoken, "probe": ours})


def _fault_of(error: msgspec.ValidationError, labels: dict[str, str]) -> Fault:
    """Msgspec's complaint as a fault of one label."""
    parts = _ERROR.fullmatch(str(error))
    why, path = (parts["why"], parts["path"] or "") if parts else (str(error), "")
    field = _FIELD.match(why)
    key = f"{path}.{field[2]}".removeprefix(".") if field else path.partition("[")[0]
    label = f"{PREFIX}{key}"
    words = _known().get(key, why)
    if field and field[1].startswith("missing"):
        return Fault(label, "nothing", words, "it is needed")
    if field:
        return Fault(label, "a key that this type of probe does not have", "none")
    return Fault(label, shown(labels.get(label), (*key.split("."),)), words)


def _as_label(fault: Fault, name: str) -> Fault:
    key = fault.path.removeprefix(f"targets.{name}.")
    return Fault(f"{PREFIX}{key}", fault.found, fault.allowed, fault.hint)
