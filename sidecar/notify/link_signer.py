"""Signed links for acknowledgements: a valid link was sent by Sidecar."""

import base64
import errno
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from loguru import logger

_KEY_BYTES = 32
_OWNER_ALONE = 0o600
_OTHERS = 0o077


class Signer:
    """Signs an incident for the one channel that its link is sent to."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, incident: str, channel: str) -> str:
        """The token of a link; it needs no URL encoding."""
        return f"{channel}.{self.seal(incident, channel)}"

    def channel_of(self, incident: str, token: str) -> str | None:
        """The channel that a valid token was sent to; None: it is not valid."""
        channel, _, seal = token.rpartition(".")
        return channel if channel and self.is_seal(incident, channel, seal) else None

    def is_seal(self, incident: str, channel: str, seal: str) -> bool:
        """Is it the seal of a button that was sent to the channel?"""
        right = self.seal(incident, channel)
        return hmac.compare_digest(seal.encode(), right.encode())

    def seal(self, incident: str, channel: str) -> str:
        """The seal of a link or a button: 24 characters."""
        payload = f"ack\0{incident}\0{channel}".encode()
        digest = hmac.digest(self._key, payload, hashlib.sha256)[:18]
        return base64.urlsafe_b64encode(digest).decode()


def own_key(file: Path) -> bytes:
    """The key in ``file``; created if missing. OSError. Not for the event loop.

    Links stay valid after a restart as long as the file exists. Only its owner may
    read it: other permissions are removed.
    """
    stored_key = _read_stored_key(file)
    if len(stored_key) == _KEY_BYTES:
        return stored_key
    key = new_key()
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(key)
    fresh.replace(file)
    return key


def new_key() -> bytes:
    """A new random key."""
    return secrets.token_bytes(_KEY_BYTES)


def _read_stored_key(file: Path) -> bytes:
    """Read the key; open without waiting: a pipe or a device would block for ever."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"{file.name} is no regular file")
        if mode & _OTHERS:
            _restrict_permissions(descriptor, file)
        return os.read(descriptor, _KEY_BYTES + 1)
    finally:
        os.close(descriptor)


def _restrict_permissions(descriptor: int, file: Path) -> None:
    try:
        os.fchmod(descriptor, _OWNER_ALONE)
    except OSError as error:
        logger.error("others may read {}: {}", file, error.strerror)
    else:
        logger.warning("others could read {}: its permissions are 0600 now", file)
