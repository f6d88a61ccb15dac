"""Builds the parts of wallet backups; imported once a target has backups."""

from typing import NamedTuple

from sidecar.app.contexts import EngineContext, MessageContext
from sidecar.app.loop_access import LoopAccess
from sidecar.backup.file_backup import BackupTools
from sidecar.backup.offsite import send_offsite
from sidecar.backup.restore import BackupRestorer
from sidecar.backup.restore_test import RestoreTest
from sidecar.backup.seal import seal
from sidecar.backup.service import BackupService
from sidecar.backup.source import wallet_sources
from sidecar.backup.store import BackupStore
from sidecar.core.ports.loop import Clock
from sidecar.engine.throwaway import ThrowawayContainers


class BackupParts(NamedTuple):
    """The parts of wallet backups."""

    service: BackupService
    restorer: BackupRestorer
    restore_test: RestoreTest


def build_parts(
    context: EngineContext, texts: MessageContext, clock: Clock, loop: LoopAccess
) -> BackupParts:
    """The parts of wallet backups, with their edges."""
    files, store = context.engine, BackupStore(texts.state_dir / "backups")
    throwaways = ThrowawayContainers(context.link, context.stack)
    restore_test = RestoreTest(throwaways, files, texts.mask)
    tools = BackupTools(files, store, clock, seal, send_offsite, restore_test)
    sources = lambda: wallet_sources(loop.state())  # noqa: E731
    return BackupParts(
        BackupService(tools, sources, loop.post),
        BackupRestorer(files, store, clock, sources),
        restore_test,
    )
