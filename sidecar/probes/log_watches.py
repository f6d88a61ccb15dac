"""The logs that are followed, one watch for each container."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from sidecar.core.model.container import Container
from sidecar.core.model.log_mark import LogMark, LogPosition
from sidecar.core.model.probe_settings import LogProbe
from sidecar.core.ports.engine import Engine
from sidecar.core.ports.loop import Clock

if TYPE_CHECKING:
    from sidecar.probes.log_watch import LogJudgement, LogWatch

_EARLY_S = 1.0
"""The engine dates the begin of a run after the first lines of the run."""
MOST_WATCHES = 200
"""Each has a thread and a connection to the engine."""


class TooManyLogs(Exception):
    """MOST_WATCHES logs are followed already."""


class LogWatches:
    """Follows the logs of the containers that have a ``log`` probe."""

    def __init__(
        self, engine: Engine, clock: Clock, mask: Callable[[str], str]
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._mask = mask
        self._watches: dict[str, LogWatch] = {}
        self._marks: dict[str, LogMark] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def restore(self, marks: Iterable[LogMark]) -> None:
        """Go on from the marks that an earlier process stored."""
        self._marks = {mark.container_id: mark for mark in marks}

    async def judge(self, settings: LogProbe, container: Container) -> "LogJudgement":
        """Judge the container's log for one probe. TooManyLogs."""
        watch = self._watches.get(container.id)
        if watch is None:
            watch = self._watches[container.id] = self._open(container)
        return await watch.judge(settings, container)

    def _open(self, container: Container) -> "LogWatch":
        from sidecar.probes.log_watch import LogWatch  # noqa: PLC0415 - with re2

        if len(self._watches) >= MOST_WATCHES:
            raise TooManyLogs
        floor_nano = int(max(0.0, container.started_at - _EARLY_S) * 1e9)
        fresh = LogMark(container.id, LogPosition(floor_nano))
        mark = self._marks.pop(container.id, fresh)
        return LogWatch(self._engine, self._clock, self._mask, mark)

    def keep_only(self, container_ids: Collection[str]) -> None:
        """Forget the containers that exist no longer."""
        for container_id in self._watches.keys() - set(container_ids):
            closing = self._watches.pop(container_id).close()
            task = asyncio.get_running_loop().create_task(closing)
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Follow no log any more."""
        self.keep_only(())
        await asyncio.gather(*self._closing, return_exceptions=True)
