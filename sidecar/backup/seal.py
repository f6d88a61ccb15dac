"""Seals backups with age, to recipients whose key Sidecar does not hold."""

from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason


def seal(plain: bytes, recipients: tuple[str, ...]) -> bytes:
    """The bytes sealed to public keys of age or SSH; each recipient can open them.

    BackupEdgeError. It blocks: call it in a thread.
    """
    import pyrage  # noqa: PLC0415 - needed only where backups are sealed

    if not recipients:
        raise BackupEdgeError(Reason.of(R.BACKUP_NOT_SEALED, said="no recipients"))
    try:
        keys = [
            pyrage.x25519.Recipient.from_str(recipient)
            if recipient.startswith("age1")
            else pyrage.ssh.Recipient.from_str(recipient)
            for recipient in recipients
        ]
        sealed: bytes = pyrage.encrypt(plain, keys)
    except (pyrage.RecipientError, pyrage.EncryptError) as error:
        reason = Reason.of(R.BACKUP_NOT_SEALED, said=type(error).__name__)
        raise BackupEdgeError(reason) from error
    return sealed
