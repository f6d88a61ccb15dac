"""Tools for the kinds of maintenance task."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sidecar.core.backup.ports import WalletBackups
from sidecar.core.model.state import State
from sidecar.core.ports.engine import Engine
from sidecar.core.ports.loop import Clock
from sidecar.core.ports.storage import Journal

if TYPE_CHECKING:
    from sidecar.core.reporting.availability import Report


class OwnOutput(NamedTuple):
    """Output of a command of Sidecar's own."""

    exit_status: int
    answer: str
    errors: str


class RunOwn(Protocol):
    """Runs a command of Sidecar's own in another process."""

    async def __call__(self, *arguments: str) -> OwnOutput:
        """Run it to its end; cancellation ends the process."""


@dataclass(frozen=True, slots=True)
class TaskTools:
    """Parts of Sidecar that tasks use.

    ``report`` gives the report of the last seconds. ``image_built`` gives the time when
    the image of a container was built (wall), or raises EngineError. ``run_own`` runs a
    command of Sidecar's own in another process.
    ``remove_old``: remove records that are older than the retention; it returns the
    number of removed records by table. StoreUnavailable. ``mask`` removes secrets.
    """

    clock: Clock
    state: Callable[[], State]
    engine: Engine
    journal: Journal
    remove_old: Callable[[], Awaitable[Mapping[str, int]]]
    mask: Callable[[str], str]
    report: Callable[[float], "Awaitable[Report]"]
    image_built: Callable[[str], Awaitable[float]]
    run_own: RunOwn
    backups: WalletBackups


class TaskFailed(Exception):
    """A task could not be done; the text says why and is fit for a message."""
