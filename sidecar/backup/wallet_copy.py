"""A consistent copy of a wallet file."""

from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.ports.engine import (
    ContainerFiles,
    EngineError,
    FileAbsent,
    FileCopy,
)
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason

MOST_BYTES = 32 * 1024 * 1024
"""A wallet with 100,000 addresses has about 15 MB."""
COPIES = 3


async def copy_wallet(files: ContainerFiles, container_id: str, path: str) -> FileCopy:
    """A copy that is the file as it was at one moment.

    It is taken again if the file changed meanwhile. FileAbsent; BackupEdgeError: no
    copy was possible, which says nothing about the file.
    """
    try:
        for _ in range(COPIES):
            copy = await files.read_file(container_id, path, MOST_BYTES)
            version = await files.file_version(container_id, path)
            if version == copy.version:
                return copy
    except FileAbsent:
        raise
    except EngineError as error:
        reason = Reason.of(R.BACKUP_REFUSED, file=path, said=str(error))
        raise BackupEdgeError(reason) from error
    raise BackupEdgeError(Reason.of(R.BACKUP_FILE_CHANGES, file=path, count=COPIES))
