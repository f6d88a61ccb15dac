"""The form of a wallet file: which wallet it contains, and whether it is whole.

Electron Cash and Electrum write JSON. With a password for the file, they write the
base64 text of an encrypted body: magic, a public key, blocks of AES, and a MAC.
"""

import base64
import binascii
import hashlib
import json
import re
from enum import StrEnum
from typing import Any, NamedTuple

from sidecar.core.backup.record import Encryption, ProofWay

_WALLET_KEYS = frozenset(
    {"seed_version", "wallet_type", "keystore", "accounts", "seed", "addresses"}
)
_MAGIC_WORDS = (b"BIE1", b"BIE2")
_MAGIC_TEXT = b"QklF"
"""The first characters of the base64 text of each magic word."""
_BASE64_TEXT = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_POINT_BYTES, _BLOCK_BYTES, _MAC_BYTES = 33, 16, 32
_DIGITS = 16
_MAGIC_BYTES = 4
_FRAME_BYTES = _MAGIC_BYTES + _POINT_BYTES + _MAC_BYTES


class ContentFault(StrEnum):
    """A fault in the content of a wallet file."""

    CUT = "cut"
    """It ends in the middle."""
    NO_WALLET = "no wallet"


class WalletContent(NamedTuple):
    """A whole wallet file. ``addresses`` None: their number is not known.

    ``identity``: a digest of the first address, which a wallet keeps for ever; empty:
    not known.
    """

    encryption: Encryption
    addresses: int | None
    way: ProofWay
    identity: str = ""


def read_wallet(data: bytes) -> WalletContent | ContentFault:
    """The wallet in a file's bytes, or what is wrong with them.

    An encrypted file that was cut at the end of a block is taken for a whole one.
    """
    text = data.strip()
    if not text:
        return ContentFault.CUT
    if text.startswith(_MAGIC_TEXT):
        return _read_encrypted(text)
    return _read_json(text) if text.startswith(b"{") else ContentFault.NO_WALLET


def _read_encrypted(text: bytes) -> WalletContent | ContentFault:
    if _BASE64_TEXT.fullmatch(text) is None:
        return ContentFault.NO_WALLET
    try:
        body = base64.b64decode(text, validate=True)
    except binascii.Error:
        return ContentFault.CUT
    if len(body) >= _MAGIC_BYTES and not body.startswith(_MAGIC_WORDS):
        return ContentFault.NO_WALLET
    blocks_bytes = len(body) - _FRAME_BYTES
    if blocks_bytes < _BLOCK_BYTES or blocks_bytes % _BLOCK_BYTES:
        return ContentFault.CUT
    return WalletContent(Encryption.FILE, None, ProofWay.WHOLE)


def _read_json(text: bytes) -> WalletContent | ContentFault:
    try:
        document = _document_of(text)
    except UnicodeDecodeError as error:
        return _cut_if(error.end >= len(text) or not text.endswith(b"}"))
    except json.JSONDecodeError as error:
        # A file whose end was never written can be filled up with zero bytes.
        is_cut = error.pos >= len(error.doc) or not text.endswith(b"}")
        return _cut_if(is_cut or error.msg.startswith("Unterminated string"))
    except (RecursionError, ValueError):
        # ValueError: a number has more digits than Python converts.
        return ContentFault.NO_WALLET
    if not _WALLET_KEYS & document.keys():
        return ContentFault.NO_WALLET
    keys_only = document.get("use_encryption") is True
    encryption = Encryption.KEYS if keys_only else Encryption.NONE
    addresses = document.get("addresses")
    return WalletContent(
        encryption, _count(addresses), ProofWay.PARSED, _identity_of(addresses)
    )


def _document_of(text: bytes) -> dict[str, Any]:
    """The wallet's document; json.JSONDecodeError.

    Electrum 4.5 and newer append changes, each after a comma: addresses of such a file
    cannot be counted.
    """
    try:
        document: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data" or error.doc[error.pos] != ",":
            raise
        document, *_ = json.loads(b"[" + text + b"]")
        document.pop("addresses", None)
    return document


def _cut_if(is_cut: bool) -> ContentFault:  # noqa: FBT001
    return ContentFault.CUT if is_cut else ContentFault.NO_WALLET


def _identity_of(addresses: object) -> str:
    chain = addresses.get("receiving") if isinstance(addresses, dict) else None
    first = chain[0] if isinstance(chain, list) and chain else None
    if not isinstance(first, str):
        return ""
    return hashlib.sha256(first.encode(errors="replace")).hexdigest()[:_DIGITS]


def _count(addresses: object) -> int | None:
    """Number of addresses; None: they are kept in another way."""
    if isinstance(addresses, dict):
        chains = [addresses.get("receiving"), addresses.get("change")]
        lists = [chain for chain in chains if isinstance(chain, list)]
        return sum(map(len, lists)) if lists else len(addresses)
    return len(addresses) if isinstance(addresses, list) else None
