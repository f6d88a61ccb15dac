"""Maintenance: windows and tasks, and the parts of Sidecar that tasks use."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from sidecar.app.contexts import EngineContext
from sidecar.app.loop_access import LoopAccess
from sidecar.app.own_command import run_own_command
from sidecar.clock import SystemClock
from sidecar.config.settings import Settings
from sidecar.core.backup.ports import WalletBackups
from sidecar.core.backup.schedule import backup_tasks
from sidecar.engine.images import image_built_wall
from sidecar.schedule.task_planner import TaskPlanner
from sidecar.schedule.windows import WindowPlanner
from sidecar.storage.store import SqliteStore
from sidecar.tasks.task_runner import TaskRunner
from sidecar.tasks.task_tools import OwnOutput, TaskTools
from sidecar.telemetry.secret_mask import Mask
from sidecar.web.report_source import ReportParts, ReportSource


class MaintenanceService:
    """Plans windows and tasks of the settings in force, and carries tasks out."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        context: EngineContext,
        store: SqliteStore,
        loop: LoopAccess,
        mask: Mask,
        backups: WalletBackups,
    ) -> None:
        self._settings = settings
        self._store = store
        self._loop = loop
        self._clock = clock = SystemClock()
        self.file: Path | None = None
        """The configuration file that was named at the start."""
        self.planner = TaskPlanner(clock, loop.post)
        self._windows = WindowPlanner(clock, loop.post)
        tools = TaskTools(
            clock=clock,
            state=loop.state,
            engine=context.engine,
            journal=store.journal,
            remove_old=self._remove_old,
            mask=mask,
            report=ReportSource(ReportParts(clock, loop.state, store.journal)).build,
            image_built=lambda id_: image_built_wall(context.link, id_),
            run_own=self._run_own,
            backups=backups,
        )
        self.runner = TaskRunner(tools, loop.post)

    def apply(self) -> None:
        """Put the windows and the tasks of the settings in force."""
        settings = self._settings()
        tasks = (*settings.tasks, *backup_tasks(settings.targets))
        self.planner.set_tasks(tasks, self._loop.state().task_progress)
        self._windows.set_windows(settings.windows)

    async def run(self) -> None:
        """Post windows and due tasks, until cancelled."""
        self.apply()
        await asyncio.gather(self.planner.run(), self._windows.run())

    async def close(self) -> None:
        """End the tasks that run."""
        await self.runner.close()

    async def _run_own(self, *arguments: str) -> OwnOutput:
        return await run_own_command(self.file, *arguments)

    async def _remove_old(self) -> Mapping[str, int]:
        retention_s = self._settings().retention_s
        return await self._store.prune(self._clock.now().wall, retention_s)
