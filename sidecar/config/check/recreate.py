"""Check of ``recreate``: whether a recreate can ever come."""

from collections.abc import Iterator

from sidecar.config.problem import ConfigProblem
from sidecar.core.model.target import Target


def recreate_faults(target: Target, path: str) -> Iterator[ConfigProblem]:
    """A recreate is the first try of the slow lane, so it needs one."""
    if target.recreate and not target.restart.slow_lane_s:
        yield ConfigProblem(
            f"{path}.recreate",
            "true, with an empty restart.slow_lane",
            "true with at least one wait in restart.slow_lane",
            "the recreate takes the place of the first slow try",
        )
