"""Settings of a target's wallet backups."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class OffsiteSettings:
    """The place off this host to which each backup is sent, sealed.

    ``url`` with the scheme http or https: the backup is sent by HTTP PUT, and read
    again by GET. If it ends with "/", it is a folder, as of WebDAV, and the backup's
    file name is added; otherwise it is used as it is, as a pre-signed URL. ``read_url``
    is used for the GET instead, where a pre-signed URL allows PUT only. ``username``
    and ``password``: of HTTP Basic.

    ``s3://BUCKET/PREFIX``: the backup is sent to the bucket at ``endpoint`` (a URL) in
    ``region``, with ``username`` as access key and ``password`` as secret key.
    """

    url: str = field(repr=False)
    read_url: str | None = field(default=None, repr=False)
    endpoint: str | None = None
    region: str = "us-east-1"
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_bucket(self) -> bool:
        """Is it a bucket of S3, rather than an address of HTTP?"""
        return urlsplit(self.url).scheme == "s3"


@dataclass(frozen=True, slots=True)
class RestoreTestSettings:
    """Restore tests of new backups; ``timeout_s``: the longest time of one."""

    timeout_s: float = 180.0


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Backups of a wallet daemon.

    ``path``: the wallet files, absolute, as the daemon's container sees them. ``keep``:
    the number of backups of each file that are kept. ``recipients``: public keys of age
    (or SSH) that the backups are sealed to before they are stored; empty: they are
    stored as the daemon wrote them. ``restore_test`` None: new backups are not loaded
    in a throw-away container, whose calls to the engine are root-equivalent.
    """

    path: tuple[str, ...]
    cron: str
    timezone: str = "UTC"
    keep: int = 14
    recipients: tuple[str, ...] = ()
    offsite: OffsiteSettings | None = None
    restore_test: RestoreTestSettings | None = None
