"""Settings of wallet backups, and their faults."""

from collections.abc import Iterator

from msgspec import UnsetType

from sidecar.config.check.cron import cron_faults
from sidecar.config.check.recipients import recipient_faults
from sidecar.config.check.urls import certain_parts, url_fault
from sidecar.config.check.wallet_paths import wallet_path_faults
from sidecar.config.duration import parse_seconds
from sidecar.config.file.model import (
    BackupSection,
    OffsiteSection,
    RestoreTestSection,
)
from sidecar.config.file.setting_types import tuple_of, value_or
from sidecar.config.problem import ConfigProblem
from sidecar.config.secrets import SecretReader
from sidecar.core.model.backup_settings import (
    BackupSettings,
    OffsiteSettings,
    RestoreTestSettings,
)
from sidecar.core.model.target import Target

_DEFAULTS = BackupSettings((), "")
_REGION = OffsiteSettings("").region
_PLACE = "an address of http or https, or s3://BUCKET/PREFIX"


def build_backup(
    section: BackupSection, path: str, reader: SecretReader
) -> BackupSettings:
    """The settings of backups; ``reader`` collects the secrets and their faults."""
    offsite = value_or(section.offsite, None)
    return BackupSettings(
        tuple_of(section.path),
        section.cron,
        value_or(section.timezone, _DEFAULTS.timezone),
        value_or(section.keep, _DEFAULTS.keep),
        tuple(value_or(section.recipients, _DEFAULTS.recipients)),
        _build_offsite(offsite, f"{path}.offsite", reader) if offsite else None,
        _build_restore_test(value_or(section.restore_test, None)),
    )


def _build_restore_test(
    section: RestoreTestSection | None,
) -> RestoreTestSettings | None:
    if section is None:
        return None
    if isinstance(section.timeout, UnsetType):
        return RestoreTestSettings()
    return RestoreTestSettings(parse_seconds(section.timeout))


def _build_offsite(
    section: OffsiteSection, path: str, reader: SecretReader
) -> OffsiteSettings:
    take = reader.take
    return OffsiteSettings(
        take(section.url, section.url_file, f"{path}.url") or "",
        take(section.read_url, section.read_url_file, f"{path}.read_url"),
        value_or(section.endpoint, None),
        value_or(section.region, _REGION),
        value_or(section.username, None),
        take(section.password, section.password_file, f"{path}.password"),
    )


def backup_faults(target: Target, path: str) -> Iterator[ConfigProblem]:
    """All faults of a target's backups."""
    backup = target.backup
    if backup is None:
        return
    if target.wallet is None:
        allowed = "backups of a wallet daemon"
        hint = "the target needs a probe of the type electron_cash"
        yield ConfigProblem(path, "backups of another target", allowed, hint)
    yield from wallet_path_faults(backup.path, f"{path}.path")
    yield from cron_faults(path, backup.cron, backup.timezone)
    yield from recipient_faults(f"{path}.recipients", backup.recipients)
    if backup.offsite is not None:
        if not backup.recipients:
            hint = "a wallet leaves this host only sealed"
            allowed = "one public key of age or more"
            yield ConfigProblem(f"{path}.recipients", "nothing", allowed, hint)
        yield from _offsite_faults(backup.offsite, f"{path}.offsite")


def _offsite_faults(offsite: OffsiteSettings, path: str) -> Iterator[ConfigProblem]:
    if not offsite.url:
        yield ConfigProblem(f"{path}.url", "nothing", _PLACE, "or give url_file")
    elif offsite.is_bucket:
        yield from _bucket_faults(offsite, path)
    else:
        urls = (("url", offsite.url), ("read_url", offsite.read_url))
        faults = (url_fault(f"{path}.{key}", url) for key, url in urls if url)
        yield from (fault for fault in faults if fault is not None)
        if offsite.endpoint:
            allowed = "none: url is an address already"
            yield ConfigProblem(f"{path}.endpoint", "an address", allowed)
    if bool(offsite.username) != bool(offsite.password):
        key = "password" if offsite.username else "username"
        allowed = "username and password together"
        yield ConfigProblem(f"{path}.{key}", "nothing", allowed)


def _bucket_faults(offsite: OffsiteSettings, path: str) -> Iterator[ConfigProblem]:
    parts = certain_parts(offsite.url)
    if parts is None or not parts.hostname or parts.query:
        yield ConfigProblem(f"{path}.url", "s3://***", "s3://BUCKET/PREFIX")
    if offsite.read_url:
        allowed = "none: the bucket is read again by the same keys"
        yield ConfigProblem(f"{path}.read_url", "an address", allowed)
    fault = url_fault(f"{path}.endpoint", offsite.endpoint or "")
    if fault is not None:
        yield fault
    if not offsite.username and not offsite.password:
        allowed = "the access key; its secret key is the password"
        yield ConfigProblem(f"{path}.username", "nothing", allowed)
