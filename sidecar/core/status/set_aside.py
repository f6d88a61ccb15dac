"""Containers that a recreate has set aside: the old one, under another name.

The name alone says so, so that a Sidecar process without any record of it can end the
recreate, forward or back.
"""

from collections.abc import Iterable
from enum import Enum, auto

from sidecar.core.model.container import Container, Status

_SUFFIX = ".set-aside-by-sidecar"


class Settlement(Enum):
    """The way in which a recreate is ended.

    FINISH: the new container works on, the old one is removed. ROLL_BACK: the new one
    is removed, the old one gets its name back and is started. NOTHING: it has ended.
    WAIT: the engine does not tell whether the new container runs.
    """

    NOTHING = auto()
    WAIT = auto()
    FINISH = auto()
    ROLL_BACK = auto()


def set_aside_name(name: str) -> str:
    """The name under which a container of this name is set aside."""
    return f"{name}{_SUFFIX}"


def original_name(name: str) -> str:
    """The name that a container had before it was set aside, or still has."""
    return name.removesuffix(_SUFFIX)


def is_set_aside(container: Container) -> bool:
    """Was the container set aside by a recreate?"""
    return container.name.endswith(_SUFFIX)


def find_set_aside(
    container: Container, containers: Iterable[Container]
) -> tuple[Container | None, Container | None]:
    """The old and the new container of a recreate; None: there is none.

    ``container`` is either of them.
    """
    name = original_name(container.name)
    same = [
        one
        for one in containers
        if (one.service, one.number) == (container.service, container.number)
    ]
    old = next((c for c in same if c.name == set_aside_name(name)), None)
    return old, next((c for c in same if c.name == name), None)


def settle(old: Container | None, new: Container | None) -> Settlement:
    """The way to end a recreate: forward only if the new container runs."""
    if old is None:
        return Settlement.NOTHING
    if new is not None and new.status is Status.UNKNOWN:
        # It may run: both would have the same files open.
        return Settlement.WAIT
    is_running = new is not None and new.status is Status.RUNNING
    return Settlement.FINISH if is_running else Settlement.ROLL_BACK
