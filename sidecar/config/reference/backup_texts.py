"""Texts of the keys of wallet backups."""

from collections.abc import Mapping

from sidecar.config.file.model import (
    BackupSection,
    OffsiteSection,
    RestoreTestSection,
)
from sidecar.config.file.setting_types import Section
from sidecar.config.reference.key_text import (
    NONE,
    KeyText,
    SectionTexts,
    describe_secret,
)

BACKUP_TEXTS: Mapping[type[Section], SectionTexts] = {
    BackupSection: {
        "path": KeyText("the wallet files, as the daemon's container sees them"),
        "cron": KeyText("the times of backups, beside those before each restart"),
        "timezone": KeyText("the time zone of `cron`, as in the tz database", "`UTC`"),
        "keep": KeyText(
            "the number of backups that are kept of each file; the last proven one and "
            "the last three of before a restart are kept beside them"
        ),
        "recipients": KeyText(
            "public keys of age or SSH: backups are stored sealed to them, and Sidecar "
            "cannot open them",
            "none: stored as the daemon wrote them",
        ),
        "offsite": KeyText("the place to which each sealed backup is sent", NONE),
        "restore_test": KeyText(
            "load each new backup in a throw-away container without network; needs "
            "[calls that are root-equivalent](engine-access.md)",
            "no test",
        ),
    },
    RestoreTestSection: {
        "timeout": KeyText("the longest time of a test"),
    },
    OffsiteSection: {
        **describe_secret(
            "an address for HTTP PUT (with a `/` at its end: a folder, as of WebDAV), "
            "or `s3://BUCKET/PREFIX`",
            "url",
        ),
        **describe_secret(
            "the address to read a backup again, where `url` may be written only",
            "read_url",
        ),
        "endpoint": KeyText("the address of the server of an S3 bucket", NONE),
        "region": KeyText("the region of an S3 bucket"),
        "username": KeyText(
            "the user of basic authentication; for S3 the access key", NONE
        ),
        **describe_secret("its password; for S3 the secret key", "password"),
    },
}
