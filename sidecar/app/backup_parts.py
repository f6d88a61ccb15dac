"""Builds the parts of wallet backups; imported once a target has backups."""

from pathlib import Path

from sidecar.app.loop_access import LoopAccess
from sidecar.backup.file_backup import BackupTools
from sidecar.backup.service import BackupService
from sidecar.backup.source import wallet_sources
from sidecar.backup.store import BackupStore
from sidecar.core.ports.engine import ContainerFiles
from sidecar.core.ports.loop import Clock


def build_service(
    files: ContainerFiles,
    folder: Path,
    clock: Clock,
    loop: LoopAccess,
) -> BackupService:
    """The service of backups, with its edges."""
    tools = BackupTools(files, BackupStore(folder), clock)
    return BackupService(tools, lambda: wallet_sources(loop.state()), loop.post)
