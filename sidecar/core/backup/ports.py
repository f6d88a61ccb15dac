"""The port of wallet backups, for the executor, the API and the metrics."""

from collections.abc import Mapping
from typing import Protocol

from sidecar.core.backup.result import (
    BackupResult,
    RestoredFile,
    TargetBackups,
    VerifyResult,
)
from sidecar.core.model.container import Container
from sidecar.core.model.target import InstanceId, Target
from sidecar.core.reason.reason import Reason


class WalletGuard(Protocol):
    """Takes a backup before a wallet daemon is started or restarted."""

    async def before_restart(
        self, target: Target, instance_id: InstanceId, container: Container
    ) -> Reason | None:
        """The damage of a wallet file, which holds the restart; None: restart.

        It returns within 20 s and never raises: a backup that fails does not prevent
        the restart, and is logged.
        """


class WalletBackups(Protocol):
    """The backups of all targets. A target without backups has no results."""

    async def overview(self) -> tuple[TargetBackups, ...]:
        """The stored backups of each target that has settings of backups."""

    async def run(
        self, target: str, *, accept: bool = False, is_planned: bool = False
    ) -> tuple[BackupResult, ...]:
        """Take, prove and send a backup of each wallet file now; it never raises.

        ``accept``: the files are right as they are, and later copies are compared with
        them. ``is_planned``: the schedule asks for it.
        """

    async def verify(self, target: str) -> tuple[VerifyResult, ...]:
        """Read the stored backups again, and prove them as far as possible."""

    async def remove_surplus(self) -> int:
        """Remove the backups beyond ``keep`` of every target; the number removed."""

    async def restore(self, target: str, backup_id: str) -> RestoredFile:
        """Put a stored backup beside the wallet, never over it. BackupEdgeError."""

    def begin_run(self, target: str, *, accept: bool) -> bool:
        """Begin to take a backup; False: an order is being carried out already.

        ``overview`` has the results once the order has ended.
        """

    def begin_verification(self, target: str) -> bool:
        """Begin a verification; False: an order is being carried out already."""

    def last_proven(self) -> Mapping[str, float]:
        """When the last proof of each target's backups was (wall); 0.0: never."""
