"""Checks of a copied wallet file: five damages, five findings."""

from collections.abc import Iterator
from typing import NamedTuple

from sidecar.core.backup.finding import Finding, FindingCode
from sidecar.core.backup.record import BackupRecord, Encryption, FileOwner
from sidecar.core.backup.wallet_content import ContentFault, WalletContent
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason

SHRUNKEN_SHARE = 0.5
"""Where addresses cannot be counted, a file below this share of its size is shrunken:
its history may be cleared, but its keys and addresses remain.
"""

_LEVELS = tuple(Encryption)


class CopiedFile(NamedTuple):
    """A copied file, without its content."""

    path: str
    size_bytes: int
    owner: FileOwner


def find_faults(
    file: CopiedFile,
    content: WalletContent | ContentFault,
    last: BackupRecord | None,
    *,
    has_password: bool,
) -> tuple[Finding, ...]:
    """All findings about a copy, damages first.

    ``last``: the last good backup of the same file; None: there is none, and what is
    judged by comparison is not judged. ``has_password``: a wallet password is set.
    """
    findings = (
        *_content_findings(file, content, last),
        *_owner_findings(file, last),
        *_encryption_findings(file, content, last, has_password=has_password),
    )
    return tuple(sorted(findings, key=lambda finding: not finding.code.is_damage))


def find_absence(path: str, last: BackupRecord | None) -> tuple[Finding, ...]:
    """The finding about a file that does not exist, if it existed before."""
    if last is None:
        return ()
    reason = Reason.of(R.WALLET_FILE_ABSENT, file=path, at_wall=last.seen_wall)
    return (Finding(FindingCode.ABSENT, reason),)


def _content_findings(
    file: CopiedFile, content: WalletContent | ContentFault, last: BackupRecord | None
) -> Iterator[Finding]:
    if content is ContentFault.CUT:
        reason = Reason.of(R.WALLET_FILE_CUT, file=file.path, size=file.size_bytes)
        yield Finding(FindingCode.TRUNCATED, reason)
    elif content is ContentFault.NO_WALLET:
        reason = Reason.of(R.WALLET_FILE_UNREADABLE, file=file.path)
        yield Finding(FindingCode.UNREADABLE, reason)
    elif last is not None and isinstance(content, WalletContent):
        if content.identity and last.identity not in {"", content.identity}:
            reason = Reason.of(R.WALLET_FILE_OTHER_WALLET, file=file.path)
            yield Finding(FindingCode.OTHER_WALLET, reason)
        else:
            yield from _size_findings(file, content, last)


def _size_findings(
    file: CopiedFile, content: WalletContent, last: BackupRecord
) -> Iterator[Finding]:
    if content.addresses is not None and last.addresses is not None:
        if content.addresses < last.addresses:
            reason = Reason.of(
                R.WALLET_FILE_FEWER_ADDRESSES,
                file=file.path,
                left=content.addresses,
                had=last.addresses,
            )
            yield Finding(FindingCode.SHRUNKEN, reason)
    elif content.encryption is not last.encryption:
        return  # An encrypted file is compressed: the sizes cannot be compared.
    elif file.size_bytes < SHRUNKEN_SHARE * last.size_bytes:
        reason = Reason.of(
            R.WALLET_FILE_SMALLER,
            file=file.path,
            left=file.size_bytes,
            had=last.size_bytes,
        )
        yield Finding(FindingCode.SHRUNKEN, reason)


def _owner_findings(file: CopiedFile, last: BackupRecord | None) -> Iterator[Finding]:
    if last is not None and file.owner.uid != last.owner.uid:
        reason = Reason.of(
            R.WALLET_FILE_OTHER_OWNER,
            file=file.path,
            left=file.owner.uid,
            had=last.owner.uid,
        )
        yield Finding(FindingCode.WRONG_OWNER, reason)


def _encryption_findings(
    file: CopiedFile,
    content: WalletContent | ContentFault,
    last: BackupRecord | None,
    *,
    has_password: bool,
) -> Iterator[Finding]:
    if not isinstance(content, WalletContent):
        return
    before = last.encryption if last is not None else Encryption.NONE
    wanted = max(before, _level_of(has_password), key=_LEVELS.index)
    if _LEVELS.index(content.encryption) < _LEVELS.index(wanted):
        reason = Reason.of(R.WALLET_FILE_NOT_ENCRYPTED, file=file.path)
        yield Finding(FindingCode.NOT_ENCRYPTED, reason)


def _level_of(has_password: bool) -> Encryption:  # noqa: FBT001
    return Encryption.KEYS if has_password else Encryption.NONE
