"""Orders of backups: what to copy, and those of operators under way."""

import asyncio
from collections.abc import Callable, Coroutine

from loguru import logger

from sidecar.backup.file_backup import BackupOrder
from sidecar.backup.source import WalletSource
from sidecar.core.backup.record import BackupTrigger

Work = Callable[[], Coroutine[object, object, object]]


class TargetOrders:
    """The orders under way."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, target: str, work: Work) -> bool:
        """Begin an order; False: another one for the target is under way."""
        if target in self._tasks:
            return False
        task = asyncio.create_task(carry_out(target, work))
        self._tasks[target] = task
        task.add_done_callback(lambda _: self._tasks.pop(target, None))
        return True

    def is_busy(self, target: str) -> bool:
        """Is an order for the target under way?"""
        return target in self._tasks

    async def close(self) -> None:
        """Cancel the orders under way."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def carry_out(target: str, work: Work) -> None:
    """Do some work about a target; a fault of ours is logged and ends nothing else."""
    try:
        await work()
    except Exception:  # noqa: BLE001 - one target must not end the others
        logger.bind(target=target).exception("backups of {} failed", target)


def make_orders(
    source: WalletSource, trigger: BackupTrigger, *, accept: bool = False
) -> tuple[BackupOrder, ...]:
    """The order of each wallet file of a source; none without a container."""
    backup, container = source.target.backup, source.container
    if backup is None or container is None:
        return ()
    return tuple(
        BackupOrder(source.target, backup, container, path, trigger, accept)
        for path in backup.path
    )
