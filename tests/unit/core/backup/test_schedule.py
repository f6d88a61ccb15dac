"""The tasks of backups."""

from dataclasses import replace

from sidecar.core.backup.schedule import backup_tasks
from sidecar.core.model.backup_settings import BackupSettings
from sidecar.core.model.maintenance_task import Task, TaskKind
from tests.support.rule_world import SERVICE, WALLET


def test_each_target_with_backups_has_a_task_at_their_times() -> None:
    backup = BackupSettings(("/w",), "30 2 * * *", "Asia/Seoul")
    tasks = backup_tasks((replace(WALLET, backup=backup), SERVICE))
    assert tasks == (
        Task(
            f"backup:{WALLET.name}",
            TaskKind.BACKUP,
            "30 2 * * *",
            "Asia/Seoul",
            timeout_s=900.0,
            target=WALLET.name,
        ),
    )
