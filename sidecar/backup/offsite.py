"""Sends backups off this host: by HTTP, or to a bucket."""

from sidecar.core.model.backup_settings import OffsiteSettings
from sidecar.core.reason.reason import Reason

OFFSITE_DEADLINE_S = 300.0


async def send_offsite(place: OffsiteSettings, name: str, stored: bytes) -> Reason:
    """Send a stored backup, read it again and compare; at most 300 s.

    NO_REASON: the bytes that were read again are equal; else the reason why the place
    let nobody compare. BackupEdgeError: it is not there, or not equal.
    """
    # Each way takes memory only where it is configured.
    if place.is_bucket:
        from sidecar.backup.offsite_s3 import send_to_bucket  # noqa: PLC0415

        return await send_to_bucket(place, name, stored, OFFSITE_DEADLINE_S)
    from sidecar.backup.offsite_http import send_by_http  # noqa: PLC0415

    return await send_by_http(place, name, stored, OFFSITE_DEADLINE_S)
