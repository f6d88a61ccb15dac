"""Checks of the sections besides the targets."""

from collections.abc import Iterator

from sidecar.config.check.urls import listen_address
from sidecar.config.file.model import Document, TargetSection
from sidecar.config.file.setting_types import value_or
from sidecar.config.maintenance import task_faults, window_faults
from sidecar.config.notifications import notify_faults
from sidecar.config.problem import ConfigProblem, quote_value


def document_faults(
    document: Document, known_names: frozenset[str]
) -> Iterator[ConfigProblem]:
    """Faults of addresses, cron lines and names. ``known_names``: of all targets."""
    for name, target in value_or(document.targets, {}).items():
        yield from _target_faults(target, f"targets.{name}")
    yield from window_faults(document, known_names)
    yield from task_faults(document, known_names)
    yield from notify_faults(document)
    yield from _balancer_faults(document)


def _target_faults(target: TargetSection, path: str) -> Iterator[ConfigProblem]:
    if value_or(target.service, None) and value_or(target.container, None):
        hint = "a container named so wins over its service"
        yield ConfigProblem(
            f"{path}.container", "service as well", "one of the two", hint
        )


def _balancer_faults(document: Document) -> Iterator[ConfigProblem]:
    balancer = value_or(document.balancer, None)
    text = value_or(balancer.agent_listen, "") if balancer else ""
    if not text:
        return
    address = listen_address(text)
    if address is None or address[1] == 0:
        allowed = "HOST:PORT such as 0.0.0.0:9788 or [::]:9788"
        yield ConfigProblem("balancer.agent_listen", quote_value(text), allowed)
