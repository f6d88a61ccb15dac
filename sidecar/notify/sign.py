"""Links that acknowledge: whoever holds one was sent it by us."""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

_KEY_BYTES = 32


class Signer:
    """Signs an incident for the one channel that its link is sent to."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, incident: str, channel: str) -> str:
        """What makes a link valid; fit for an address as it is."""
        return f"{channel}.{self._seal(incident, channel)}"

    def channel_of(self, incident: str, token: str) -> str | None:
        """The channel that a valid token was sent to; None: it is not valid."""
        channel, _, seal = token.rpartition(".")
        right = self._seal(incident, channel)
        if not channel or not hmac.compare_digest(seal.encode(), right.encode()):
            return None
        return channel

    def _seal(self, incident: str, channel: str) -> str:
        said = f"ack\0{incident}\0{channel}".encode()
        digest = hmac.digest(self._key, said, hashlib.sha256)[:18]
        return base64.urlsafe_b64encode(digest).decode()


def own_key(file: Path) -> bytes:
    """The key in ``file``, made where there is none. OSError. Not for the event loop.

    Links of before a restart stay valid as long as the file does.
    """
    try:
        kept = file.read_bytes()
    except FileNotFoundError:
        kept = b""
    if len(kept) == _KEY_BYTES:
        return kept
    key = secrets.token_bytes(_KEY_BYTES)
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    made = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(made, "wb") as opened:
        opened.write(key)
    fresh.replace(file)
    return key
