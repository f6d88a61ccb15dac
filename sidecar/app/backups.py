"""The wallet backups of `sidecar run`: their parts are loaded once a target has any."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sidecar.app.contexts import EngineContext, MessageContext
from sidecar.app.loop_access import LoopAccess
from sidecar.core.backup.result import (
    BackupResult,
    RestoredFile,
    TargetBackups,
    VerifyResult,
)
from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.container import Container
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.ports.loop import Clock
from sidecar.core.reason.reason import Reason

if TYPE_CHECKING:
    from sidecar.app.backup_parts import BackupParts
    from sidecar.backup.service import BackupService

LOOK_EVERY_S = 10.0
"""The time between two looks at the settings: does any target have backups?"""


class Backups:
    """Implements ``core.backup.ports``: WalletGuard and WalletBackups."""

    def __init__(
        self,
        context: EngineContext,
        texts: MessageContext,
        clock: Clock,
        loop: LoopAccess,
    ) -> None:
        self._context = context
        self._texts = texts
        self._clock = clock
        self._loop = loop
        self._made: BackupParts | None = None

    async def before_restart(
        self, target: Target, instance_id: InstanceId, container: Container
    ) -> Reason | None:
        """The damage of a wallet file, which holds the restart; None: restart."""
        service = self._service()
        return await service.before_restart(target, instance_id, container)

    async def overview(self) -> tuple[TargetBackups, ...]:
        """The stored backups of each target that has settings of backups."""
        return await self._service().overview() if self._is_needed() else ()

    async def run(
        self, target: str, *, accept: bool = False, is_planned: bool = False
    ) -> tuple[BackupResult, ...]:
        """Take, prove and send a backup of each wallet file now."""
        if not self._is_needed():
            return ()
        service = self._service()
        return await service.run(target, accept=accept, is_planned=is_planned)

    async def verify(self, target: str) -> tuple[VerifyResult, ...]:
        """Read the stored backups again, and prove them as far as possible."""
        return await self._service().verify(target) if self._is_needed() else ()

    async def remove_surplus(self) -> int:
        """Remove the backups beyond ``keep`` of every target; the number removed."""
        return await self._service().remove_surplus() if self._is_needed() else 0

    async def restore(self, target: str, backup_id: str) -> RestoredFile:
        """Put a stored backup beside its wallet file. BackupEdgeError."""
        return await self._parts().restorer.restore(target, backup_id)

    def begin_run(self, target: str, *, accept: bool) -> bool:
        """Begin to take a backup; False: an order is being carried out already."""
        return self._service().begin_run(target, accept=accept)

    def begin_verification(self, target: str) -> bool:
        """Begin a verification; False: an order is being carried out already."""
        return self._service().begin_verification(target)

    def last_proven(self) -> Mapping[str, float]:
        """When the last proof of each target's backups was (wall); 0.0: never."""
        return self._made.service.last_proven() if self._made is not None else {}

    async def watch(self) -> None:
        """Take first backups and look again at damaged files, until cancelled."""
        while True:
            if self._is_needed():
                await self._remove_left_tests()
                await self._service().watch()
            await asyncio.sleep(LOOK_EVERY_S)

    async def close(self) -> None:
        """End what is still being sent."""
        if self._made is not None:
            await self._made.service.close()

    async def _remove_left_tests(self) -> None:
        """Remove the containers of restore tests that a killed process left."""
        if any(backup.restore_test for backup in self._settings()):
            await self._parts().restore_test.remove_left()

    def _settings(self) -> Iterator[BackupSettings]:
        targets = self._loop.state().targets.values()
        return (target.backup for target in targets if target.backup is not None)

    def _is_needed(self) -> bool:
        return any(self._settings())

    def _service(self) -> "BackupService":
        return self._parts().service

    def _parts(self) -> "BackupParts":
        if self._made is None:
            from sidecar.app.backup_parts import build_parts  # noqa: PLC0415

            self._made = build_parts(
                self._context, self._texts, self._clock, self._loop
            )
        return self._made
