"""Log lines about backups: they name files and sizes, and nothing of their content."""

from collections.abc import Iterator

from loguru import logger

from sidecar.core.backup.result import BackupResult


def log_result(target: str, result: BackupResult) -> None:
    """Log the result of the backup of one file."""
    for level, line in _lines(result):
        logger.bind(target=target).log(level, "backup: {}", line)


def _lines(result: BackupResult) -> Iterator[tuple[str, str]]:
    for finding in result.findings:
        level = "ERROR" if finding.code.is_damage else "WARNING"
        yield level, f"{finding.code}: {finding.reason}"
    if result.failure:
        yield "WARNING", f"{result.failure}"
    record = result.record
    if record is not None and result.is_new:
        size = f"{record.size_bytes} bytes"
        yield "INFO", f"{result.path} is stored as {record.id}: {size}"
    if result.test:
        yield "WARNING", f"not proven by a restore test: {result.test}"
    if result.offsite_failure:
        yield "WARNING", f"not sent off this host: {result.offsite_failure}"


def is_same(result: BackupResult, earlier: BackupResult | None) -> bool:
    """Does the result say nothing that the earlier one did not say?"""
    return earlier is not None and _gist(result) == _gist(earlier)


def _gist(result: BackupResult) -> tuple[object, ...]:
    record_id = result.record.id if result.record is not None else ""
    return (
        record_id,
        result.findings,
        result.failure,
        result.test,
        result.offsite_failure,
    )
