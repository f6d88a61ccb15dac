"""Five damages of a wallet file, five findings."""

import pytest

from sidecar.core.backup.checks import CopiedFile, find_absence, find_faults
from sidecar.core.backup.finding import FindingCode as F
from sidecar.core.backup.finding import find_damage
from sidecar.core.backup.record import (
    BackupRecord,
    Encryption,
    FileOwner,
)
from sidecar.core.backup.wallet_content import WalletContent, read_wallet
from tests.support.backup_records import (
    OWNER,
    PATH,
    encrypted_wallet,
    make_record,
    plain_wallet,
)

LAST = make_record(size_bytes=1_000)
ENCRYPTED_LAST = make_record(
    size_bytes=1_000, addresses=None, encryption=Encryption.FILE
)


def codes(
    data: bytes,
    last: BackupRecord | None = LAST,
    *,
    owner: FileOwner = OWNER,
    has_password: bool = False,
) -> list[F]:
    file = CopiedFile(PATH, len(data), owner)
    findings = find_faults(file, read_wallet(data), last, has_password=has_password)
    assert all(finding.reason.is_complete for finding in findings)
    return [finding.code for finding in findings]


@pytest.mark.parametrize("last", [None, LAST])
def test_sound_wallet_has_no_finding(last: BackupRecord | None) -> None:
    assert codes(plain_wallet(), last) == []
    assert codes(plain_wallet(receiving=40), last) == []


@pytest.mark.parametrize("last", [None, LAST])
def test_wallet_that_ends_in_the_middle_is_truncated(last: BackupRecord | None) -> None:
    assert codes(plain_wallet()[:300], last) == [F.TRUNCATED]
    assert codes(b"", last) == [F.TRUNCATED]


@pytest.mark.parametrize("last", [None, LAST])
def test_other_content_is_unreadable(last: BackupRecord | None) -> None:
    assert codes(b"\0" * 900, last) == [F.UNREADABLE]


def test_another_wallet_in_its_place_is_found() -> None:
    content = read_wallet(plain_wallet())
    assert isinstance(content, WalletContent)
    last = make_record(size_bytes=1_000, identity=content.identity)
    assert codes(plain_wallet(receiving=25), last) == []
    fresh = plain_wallet(addresses={"receiving": ["qother"] * 20, "change": ["q"] * 10})
    assert codes(fresh, last) == [F.OTHER_WALLET]
    assert codes(fresh, make_record(size_bytes=1_000)) == []
    imported = plain_wallet(addresses=["q"] * 30)
    assert codes(imported, last) == []


def test_wallet_with_fewer_addresses_is_shrunken() -> None:
    assert codes(plain_wallet(receiving=19)) == [F.SHRUNKEN]


def test_smaller_wallet_with_all_addresses_is_sound() -> None:
    assert codes(plain_wallet(), make_record(size_bytes=1_000_000)) == []


@pytest.mark.parametrize(("size", "expected"), [(499, [F.SHRUNKEN]), (500, [])])
def test_encrypted_wallet_below_half_its_size_is_shrunken(
    size: int, expected: list[F]
) -> None:
    file = CopiedFile(PATH, size, OWNER)
    content = read_wallet(encrypted_wallet())
    findings = find_faults(file, content, ENCRYPTED_LAST, has_password=False)
    assert [finding.code for finding in findings] == expected


def test_wallet_that_was_encrypted_since_is_not_compared_by_size() -> None:
    assert codes(encrypted_wallet(2), make_record(size_bytes=100_000)) == []


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (FileOwner(0, 1000, 0o600), [F.WRONG_OWNER]),
        (FileOwner(1000, 50, 0o640), []),
    ],
)
def test_wallet_of_another_user_has_wrong_owner(
    owner: FileOwner, expected: list[F]
) -> None:
    assert codes(plain_wallet(), owner=owner) == expected
    assert codes(plain_wallet(), None, owner=owner) == []


@pytest.mark.parametrize(
    ("data", "before", "has_password", "expected"),
    [
        (plain_wallet(), Encryption.NONE, False, []),
        (plain_wallet(), Encryption.NONE, True, [F.NOT_ENCRYPTED]),
        (plain_wallet(), Encryption.KEYS, False, [F.NOT_ENCRYPTED]),
        (plain_wallet(use_encryption=True), Encryption.KEYS, True, []),
        (plain_wallet(use_encryption=True), Encryption.FILE, True, [F.NOT_ENCRYPTED]),
        (encrypted_wallet(), Encryption.FILE, True, []),
        (encrypted_wallet(), Encryption.NONE, True, []),
    ],
)
def test_wallet_that_should_be_encrypted_and_is_not(
    data: bytes,
    before: Encryption,
    has_password: bool,
    expected: list[F],
) -> None:
    last = make_record(encryption=before, size_bytes=len(data))
    assert codes(data, last, has_password=has_password) == expected


def test_several_faults_are_all_found_damages_first() -> None:
    last = make_record(encryption=Encryption.KEYS)
    all_codes = codes(plain_wallet(receiving=1), last, owner=FileOwner(0, 0, 0o644))
    assert all_codes == [F.SHRUNKEN, F.WRONG_OWNER, F.NOT_ENCRYPTED]


def test_absent_file_is_found_only_where_it_existed() -> None:
    assert find_absence(PATH, None) == ()
    (finding,) = find_absence(PATH, LAST)
    assert finding.code is F.ABSENT
    assert find_damage((finding,)) == finding.reason


def test_only_a_damage_holds_restarts() -> None:
    file = CopiedFile(PATH, 1_000, OWNER)
    findings = find_faults(file, read_wallet(plain_wallet()), None, has_password=True)
    assert [finding.code for finding in findings] == [F.NOT_ENCRYPTED]
    assert find_damage(findings) is None
    assert {code for code in F if not code.is_damage} == {
        F.NOT_LOADED,
        F.NOT_ENCRYPTED,
    }
