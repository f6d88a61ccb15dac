"""Checks of the section ``busy`` of a target."""

from collections.abc import Iterator

from sidecar.config.check.urls import url_fault
from sidecar.config.problem import ConfigProblem
from sidecar.core.model.target import BusySettings


def busy_faults(settings: BusySettings, path: str) -> Iterator[ConfigProblem]:
    """Faults of the question whether a target is busy: it needs exactly one way."""
    if settings.url is not None and settings.command:
        hint = "keep the one that knows what is in progress"
        yield ConfigProblem(path, "url and command", "one of the two", hint)
    if settings.url is None and not settings.command:
        allowed = "url: http://SERVICE:PORT/busy, or command: [its, words]"
        yield ConfigProblem(path, "neither url nor command", allowed)
    if settings.url is not None:
        fault = url_fault(f"{path}.url", settings.url)
        if fault:
            yield fault
