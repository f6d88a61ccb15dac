"""Checks of settings that need an engine, where SIDECAR_ENGINE=none."""

from collections.abc import Iterator

from sidecar.config.convert import probe_paths
from sidecar.config.environment import NO_ENGINE, OWN
from sidecar.config.file.model import Document
from sidecar.config.file.setting_types import value_or
from sidecar.config.problem import ConfigProblem
from sidecar.core.model.maintenance_task import Task
from sidecar.core.model.probe_settings import ProbeWay
from sidecar.core.model.target import Mode, Target

_WHY = f"{OWN}ENGINE={NO_ENGINE}: there is no engine to ask"
_NETWORK_KINDS = "a probe over the network: electron_cash, jsonrpc, http or tcp"


def absent_engine_faults(
    document: Document,
    targets: tuple[Target, ...],
    tasks: tuple[Task, ...],
    watch_label: str | None,
) -> Iterator[ConfigProblem]:
    """A fault for each setting that nothing could carry out without an engine."""
    if value_or(document.mode, Mode.ACT) != Mode.OBSERVE:
        yield ConfigProblem("mode", "act", "observe", _WHY)
    if watch_label is not None:
        name = f"{OWN}WATCH_LABEL"
        yield ConfigProblem(name, repr(watch_label), "nothing", _WHY)
    for target in targets:
        yield from _target_faults(document, target)
    for task in tasks:
        if task.kind.rule.needs_engine:
            path = f"maintenance.tasks.{task.name}"
            yield ConfigProblem(path, task.kind, "another kind of task", _WHY)
    for index, hook in enumerate(value_or(document.hooks, [])):
        if value_or(hook.exec, None) is not None:
            yield ConfigProblem(f"hooks[{index}].exec", "a command", "post", _WHY)


def _target_faults(document: Document, target: Target) -> Iterator[ConfigProblem]:
    path = f"targets.{target.name}"
    paths = probe_paths(target.name, value_or(document.targets, {})[target.name])
    for probe, probe_path in zip(target.probes, paths, strict=False):
        if probe.WAY is ProbeWay.ENGINE:
            yield ConfigProblem(probe_path, probe.TYPE, _NETWORK_KINDS, _WHY)
    if target.busy is not None and target.busy.command:
        yield ConfigProblem(f"{path}.busy.command", "a command", "busy.url", _WHY)
    if target.backup is not None:
        yield ConfigProblem(f"{path}.backup", "set", "no backup", _WHY)
    if target.recreate:
        yield ConfigProblem(f"{path}.recreate", "true", "false", _WHY)
    if target.preventive is not None:
        yield ConfigProblem(f"{path}.preventive", "set", "no planned restart", _WHY)
    if target.drill is not None:
        yield ConfigProblem(f"{path}.drill", "set", "no planned drill", _WHY)
