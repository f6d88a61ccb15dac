"""Sealed backups, opened by the program that operators use."""

import os
import subprocess
from pathlib import Path

import pytest

from sidecar.backup.seal import seal
from sidecar.core.backup.edges import BackupEdgeError
from tests.support.backup_keys import (
    KeyPair,
    make_age_key,
    make_ssh_key,
    open_sealed,
)

WALLET = b'{"seed_version": 18, "seed": "words"}' * 1000


def make_keys(folder: Path) -> tuple[KeyPair, ...]:
    return (
        make_age_key(folder),
        make_ssh_key(folder, "ed25519"),
        make_ssh_key(folder, "rsa"),
    )


def test_each_recipient_opens_the_sealed_backup_with_debians_age(
    tmp_path: Path,
) -> None:
    keys = make_keys(tmp_path)
    sealed = tmp_path / "backup.age"
    sealed.write_bytes(seal(WALLET, tuple(key.recipient for key in keys)))
    assert b"seed" not in sealed.read_bytes()
    for key in keys:
        assert open_sealed(sealed, key.identity) == WALLET


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    key, other = make_age_key(tmp_path), make_age_key(tmp_path / "other")
    sealed = tmp_path / "backup.age"
    sealed.write_bytes(seal(WALLET, (key.recipient,)))
    with pytest.raises(subprocess.CalledProcessError):
        open_sealed(sealed, other.identity)


@pytest.mark.parametrize("size", [0, 1, 65_536, 5_000_000])
def test_a_backup_of_any_size_is_the_same_afterwards(size: int, tmp_path: Path) -> None:
    key, plain = make_age_key(tmp_path), os.urandom(size)
    sealed = tmp_path / "backup.age"
    sealed.write_bytes(seal(plain, (key.recipient,)))
    assert open_sealed(sealed, key.identity) == plain


@pytest.mark.parametrize("recipients", [(), ("age1nobody",), ("ssh-ed25519 AAAA",)])
def test_without_a_usable_recipient_nothing_is_sealed(
    recipients: tuple[str, ...],
) -> None:
    with pytest.raises(BackupEdgeError, match="could not be sealed"):
        seal(WALLET, recipients)
