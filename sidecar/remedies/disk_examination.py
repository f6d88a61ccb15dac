"""Examination of a container's disks: before a restart, and while one of them is full.

A disk is measured only after the container's log has said that it is full, and only by
a command in the container; where that is not permitted, the log alone is believed.
"""

from loguru import logger

from sidecar.core.model.container import Container, Status
from sidecar.core.model.decision import Decision
from sidecar.core.model.host_event import DiskExamined
from sidecar.core.ports.engine import Engine, EngineError
from sidecar.core.ports.loop import Clock
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.status.disk_space import (
    DISK_PROBE,
    find_full_mount,
    last_disk_full_line,
)
from sidecar.core.text.printable import printable

MEASURE_S = 5.0
RECENT_S = 600.0
"""Age up to which a line of the log says something about now."""
LINE_CHARACTERS = 200


class DiskExamination:
    """Measures the disks of containers, each for MEASURE_S at most."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def examine_before_remedy(
        self, decision: Decision, container: Container, log: str | None
    ) -> DiskExamined | None:
        """A disk that makes the remedy useless; None: nothing speaks of a full one.

        ``log`` is the masked log of the run that failed.
        """
        if not decision.trigger.is_automatic or not log:
            return None
        line = last_disk_full_line(log, self._clock.now().wall - RECENT_S)
        if not line:
            return None
        words = printable(line)[:LINE_CHARACTERS]
        measured = await self.measure(container)
        full = Reason.of(R.LOG_SAYS_DISK_FULL, said=words)
        full = full if measured is None else measured
        if not full:
            return None
        now = self._clock.now()
        return DiskExamined(now, decision.instance, container.run, full)

    async def measure(self, container: Container) -> Reason | None:
        """The full disk of a container; NO_REASON: none is; None: not measured."""
        if container.status is not Status.RUNNING:
            return None
        try:
            result = await self._engine.execute(container.id, DISK_PROBE, MEASURE_S)
            mount = find_full_mount(result.output)
        except (EngineError, ValueError) as error:
            logger.debug("the disks of {} are not measured: {}", container.name, error)
            return None
        if mount is None:
            return NO_REASON
        return Reason.of(
            R.MOUNT_FULL,
            path=printable(mount.path)[:LINE_CHARACTERS],
            free_mib=round(mount.free_kib / 1024, 1),
            size_mib=round(mount.size_kib / 1024, 1),
        )
