"""Parts of Sidecar that a drill uses, and why one is not carried out."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sidecar.core.model.container import Container, RunId, Status
from sidecar.core.ports.drills import ConnectionFaults, DrillEngine
from sidecar.core.ports.engine import ContainerGone, Engine
from sidecar.core.ports.loop import Clock
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from sidecar.core.text.printable import mark_unprintable

COMMAND_S = 5.0
"""The time limit of a command that stops or continues processes."""

OUTPUT_CHARACTERS = 200


class DrillRefused(Exception):
    """The drill is not carried out. Nothing was touched."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class DrillTools(NamedTuple):
    """Parts of Sidecar.

    ``calls`` None: containers are not touched, as in a swarm. ``own`` returns Sidecar's
    own container; None: it has none, or that is not known. ``mask`` removes secrets
    from texts of containers. ``find_store_fault`` returns why the undo is not stored;
    NO_REASON: it is.
    """

    engine: Engine
    calls: DrillEngine | None
    faults: ConnectionFaults
    own: Callable[[], Awaitable[Container | None]]
    clock: Clock
    mask: Callable[[str], str]
    find_store_fault: Callable[[], Reason]

    def quote(self, output: str) -> str:
        """The output of a command in a container: masked, on one line, and bounded."""
        line = " ".join(self.mask(output).split())
        return mark_unprintable(line[:OUTPUT_CHARACTERS])


async def inspect_run(tools: DrillTools, run: RunId) -> Container:
    """The container in the run, as it is now. DrillRefused, EngineError."""
    try:
        fresh = await tools.engine.inspect(run.container_id)
    except ContainerGone:
        raise DrillRefused(Reason.of(R.DRILL_RUN_IS_OVER)) from None
    if fresh.run != run or fresh.status is not Status.RUNNING:
        raise DrillRefused(Reason.of(R.DRILL_RUN_IS_OVER))
    return fresh
