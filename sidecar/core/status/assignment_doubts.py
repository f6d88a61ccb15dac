"""Signs that other containers were meant than those that are watched."""

from collections.abc import Iterable, Iterator

from sidecar.core.model.container import Container
from sidecar.core.model.target import Target

_EVERYTHING = "all"
"""What another restarter calls every container; here it is a label's name."""


def assignment_doubts(
    stack: str,
    watch_label: str | None,
    targets: Iterable[Target],
    containers: Iterable[Container],
    watched: Iterable[object],
) -> Iterator[str]:
    """Doubts, a sentence each, with the setting to look at.

    ``containers`` are the stack's but for our own; ``watched`` those of targets.
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
