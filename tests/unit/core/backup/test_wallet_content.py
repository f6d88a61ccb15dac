"""The form of a wallet file: whole, cut, or no wallet."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.backup.record import Encryption, ProofWay
from sidecar.core.backup.wallet_content import (
    ContentFault,
    WalletContent,
    read_wallet,
)
from tests.support.backup_records import encrypted_wallet, plain_wallet

PLAIN = WalletContent(Encryption.NONE, 30, ProofWay.PARSED)


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (plain_wallet(), PLAIN),
        (plain_wallet() + b"\n", PLAIN),
        (plain_wallet(use_encryption=True), PLAIN._replace(encryption=Encryption.KEYS)),
        (plain_wallet(addresses=["q1", "q2"]), PLAIN._replace(addresses=2)),
        (plain_wallet(addresses={"q1": {}}), PLAIN._replace(addresses=1)),
        (plain_wallet(addresses={"receiving": []}), PLAIN._replace(addresses=0)),
        (b'{"seed_version": 17}', PLAIN._replace(addresses=None)),
        (
            plain_wallet() + b',\n{"op": "add", "path": "/labels/b", "value": "c"}',
            PLAIN._replace(addresses=None),
        ),
        (encrypted_wallet(), WalletContent(Encryption.FILE, None, ProofWay.WHOLE)),
        (
            encrypted_wallet(magic=b"BIE2"),
            WalletContent(Encryption.FILE, None, ProofWay.WHOLE),
        ),
    ],
)
def test_whole_wallet_is_read(data: bytes, content: WalletContent) -> None:
    result = read_wallet(data)
    assert isinstance(result, WalletContent)
    assert result._replace(identity="") == content


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n",
        b"{",
        plain_wallet()[: len(plain_wallet()) // 2],
        plain_wallet()[:200] + b"\0" * 500,
        plain_wallet().replace(b"qreceiving0", "받".encode())[:-1],
        '{"labels": "받'.encode()[:-1],
        encrypted_wallet()[:-1],
        encrypted_wallet()[:-4],
        encrypted_wallet()[:60],
        b"QklFMQ==",
    ],
)
def test_wallet_that_ends_in_the_middle_is_cut(data: bytes) -> None:
    assert read_wallet(data) is ContentFault.CUT


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 4096,
        b"SQLite format 3\0",
        b"[]",
        b"null",
        b'{"pages": 3}',
        b'{"seed_version": ' + b"1" * 5_000 + b"}",
        plain_wallet().replace(b'"wallet_type"', b'wallet_type"'),
        plain_wallet().replace(b"qreceiving0", b"\xff\xfe"),
        encrypted_wallet().replace(b"YmJi", b"\0\0\0\0"),
        b"QklF" + b"A" * 1000,
        b'{"a":' * 100_000 + b"}" * 100_000,
    ],
)
def test_file_that_is_not_a_wallet_is_told_from_a_cut_one(data: bytes) -> None:
    assert read_wallet(data) is ContentFault.NO_WALLET


texts = st.text(max_size=20)
documents = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
    ),
    max_leaves=15,
)


@given(st.dictionaries(texts, documents, max_size=5), st.booleans(), st.data())
def test_every_cut_of_every_wallet_is_cut(
    more: dict[str, object],
    ascii_only: bool,
    data: st.DataObject,
) -> None:
    document = {"seed_version": 17, **more}
    whole = json.dumps(document, ensure_ascii=ascii_only).encode()
    assert isinstance(read_wallet(whole), WalletContent)
    length = data.draw(st.integers(0, len(whole) - 1))
    assert read_wallet(whole[:length]) is ContentFault.CUT


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(data: bytes) -> None:
    read_wallet(data)
