"""Signs that the settings select other containers than intended."""

from collections.abc import Iterable, Iterator

from sidecar.core.model.container import Container
from sidecar.core.model.target import Target

_EVERYTHING = "all"
"""The label value of another restarter for all containers; here a label name."""


def assignment_doubts(
    stack: str,
    watch_label: str | None,
    targets: Iterable[Target],
    containers: Iterable[Container],
    watched: Iterable[object],
) -> Iterator[str]:
    """Doubts, one sentence each, with the setting to check.

    ``containers`` are the stack's without our own; ``watched`` are those of targets.
    """
    labelled = any(c.labels.get(_EVERYTHING) == "true" for c in containers)
    if watch_label == _EVERYTHING and not labelled:
        yield (
            "SIDECAR_WATCH_LABEL=all watches containers with the label all=true, and "
            f"the stack {stack} has none; name the label that yours have"
        )
    if not tuple(watched):
        names = ", ".join(target.name for target in targets) or "none"
        yield (
            f"the stack {stack} has no container of a target (targets: {names}); "
            "SIDECAR_STACK names the compose project to watch"
        )
