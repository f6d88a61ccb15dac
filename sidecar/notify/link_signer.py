"""Links that acknowledge: whoever holds one was sent it by us."""

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

    Links of before a restart stay valid as long as the file does. Nobody else may
    read it: permissions that let others are taken away.
    """
    kept = _read_kept(file)
    if len(kept) == _KEY_BYTES:
        return kept
    key = new_key()
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    made = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE)
    with os.fdopen(made, "wb") as opened:
        opened.write(key)
    fresh.replace(file)
    return key


def new_key() -> bytes:
    """One that nobody has."""
    return secrets.token_bytes(_KEY_BYTES)


def _read_kept(file: Path) -> bytes:
    """Opened without waiting: a pipe or a device would be read for ever."""
    try:
        number = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    try:
        mode = os.fstat(number).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"{file.name} is no regular file")
        if mode & _OTHERS:
            _take_away(number, file)
        return os.read(number, _KEY_BYTES + 1)
    finally:
        os.close(number)


def _take_away(number: int, file: Path) -> None:
    try:
        os.fchmod(number, _OWNER_ALONE)
    except OSError as error:
        logger.error("others may read {}: {}", file, error.strerror)
    else:
        logger.warning("others could read {}: its permissions are 0600 now", file)
