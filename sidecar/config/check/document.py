"""Checks of the sections besides the targets."""

from collections.abc import Iterator

from sidecar.config.file.model import Document, TargetSection
from sidecar.config.file.setting_types import value_or
from sidecar.config.maintenance import task_faults, window_faults
from sidecar.config.notifications import notify_faults
from sidecar.config.problem import ConfigProblem


def document_faults(
    document: Document, known_names: frozenset[str]
) -> Iterator[ConfigProblem]:
    """Faults of addresses, cron lines and names. ``known_names``: of all targets."""
    for name, target in value_or(document.targets, {}).items():
        yield from _target_faults(target, f"targets.{name}")
    yield from window_faults(document, known_names)
    yield from task_faults(document, known_names)
    yield from notify_faults(document)


def _target_faults(target: TargetSection, path: str) -> Iterator[ConfigProblem]:
    if value_or(target.service, None) and value_or(target.container, None):
        hint = "a container named so wins over its service"
        yield ConfigProblem(
            f"{path}.container", "service as well", "one of the two", hint
        )
