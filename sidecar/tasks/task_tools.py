"""What the kinds of task work with."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sidecar.core.model.state import State
from sidecar.core.ports.engine import Engine
from sidecar.core.ports.loop import Clock
from sidecar.core.ports.storage import Journal


@dataclass(frozen=True, slots=True)
class TaskTools:
    """Parts of Sidecar that tasks use.

    ``remove_old``: remove records that are older than the retention; it returns the
    number of removed records by table. StoreUnavailable. ``mask`` removes secrets.
    """

    clock: Clock
    state: Callable[[], State]
    engine: Engine
    journal: Journal
    remove_old: Callable[[], Awaitable[Mapping[str, int]]]
    mask: Callable[[str], str]


class TaskFailed(Exception):
    """A task could not be done; the text says why and is fit for a message."""
