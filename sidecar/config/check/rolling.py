"""Checks of the section ``rolling`` of a target."""

from collections.abc import Iterator

from sidecar.config.duration import format_seconds
from sidecar.config.problem import ConfigProblem
from sidecar.core.model.target import RollingSettings

LONGEST_S = 3600.0


def rolling_faults(settings: RollingSettings, path: str) -> Iterator[ConfigProblem]:
    """Faults of times that are so long that a rolling restart hardly ends."""
    for key, value_s in (("drain", settings.drain_s), ("pause", settings.pause_s)):
        if value_s > LONGEST_S:
            allowed = f"at most {format_seconds(LONGEST_S)}"
            yield ConfigProblem(f"{path}.{key}", format_seconds(value_s), allowed)
