"""The requests about backups of wallet files."""

from sidecar.api_types import backups
from sidecar.web.openapi import parameters
from sidecar.web.openapi.operation import change, read, refuse

BACKUP_OPERATIONS = (
    read(
        "/api/v1/backups",
        "control",
        "The backups of wallet files, and when and how each was proven",
        backups.BackupList,
        errors=(401, 403),
    )._replace(needs_token=True),
    change(
        "/api/v1/backups/{target}/run",
        "Take, prove and send backups of a target's wallet files",
        backups.OrderBegun,
        parameters.TARGET,
        body=backups.BackupBody,
        done=202,
        more=refuse(409),
    ),
    change(
        "/api/v1/backups/{target}/verify",
        "Read the stored backups of a target again, and prove them",
        backups.OrderBegun,
        parameters.TARGET,
        done=202,
        more=refuse(409),
    ),
    change(
        "/api/v1/backups/{target}/{backup}/restore",
        "Put a backup beside the wallet file, in the daemon's container",
        backups.RestoredBackup,
        parameters.TARGET,
        parameters.BACKUP,
        more=refuse(409),
    ),
)
