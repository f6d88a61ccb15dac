"""Sends a backup by HTTP PUT, as to WebDAV or a pre-signed URL, and reads it again."""

import asyncio
import base64
import hashlib
import hmac
import io
from http import HTTPStatus
from urllib.parse import quote

import aiohttp

from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.model.backup_settings import OffsiteSettings
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason

_CONNECT_S = 15.0
_STORED = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})
_NOT_READABLE = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
"""Answers to a GET of a place that may be written only."""
_CHUNK_BYTES = 64 * 1024


async def send_by_http(
    place: OffsiteSettings, name: str, stored: bytes, deadline_s: float
) -> Reason:
    """Send a backup, read it again and compare the digests.

    NO_REASON: they are equal; else the reason why the place let nobody compare.
    BackupEdgeError; its reason shows no part of an address.
    """
    try:
        async with asyncio.timeout(deadline_s), _open_session(place) as session:
            await _put_backup(session, _address(place.url, name), stored)
            read_url = place.read_url or place.url
            return await _compare(
                session, _address(read_url, name), stored, bool(place.read_url)
            )
    except TimeoutError as error:
        problem = f"no answer within {deadline_s:.0f} s"
        raise BackupEdgeError(Reason.of(R.OFFSITE_UNREACHABLE, said=problem)) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Texts of these errors can contain the address.
        problem = type(error).__name__
        raise BackupEdgeError(Reason.of(R.OFFSITE_UNREACHABLE, said=problem)) from error


def _open_session(place: OffsiteSettings) -> aiohttp.ClientSession:
    headers = {"Accept-Encoding": "identity"}
    if place.username:
        login = f"{place.username}:{place.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
        trust_env=True,  # the proxies of the environment, as for notifications
        auto_decompress=False,
        headers=headers,
    )


def _address(url: str, name: str) -> str:
    """The address of the backup: a URL that ends with "/" is a folder."""
    return f"{url}{quote(name)}" if url.endswith("/") else url


async def _put_backup(session: aiohttp.ClientSession, url: str, stored: bytes) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    async with session.put(
        url, data=io.BytesIO(stored), headers=headers, allow_redirects=False
    ) as answer:
        if answer.status not in _STORED:
            raise _make_refusal("PUT", answer.status)


async def _compare(
    session: aiohttp.ClientSession,
    url: str,
    stored: bytes,
    must_be_readable: bool,  # noqa: FBT001
) -> Reason:
    async with session.get(url, allow_redirects=False) as answer:
        if answer.status in _NOT_READABLE and not must_be_readable:
            return Reason.of(R.OFFSITE_NOT_COMPARED, status=answer.status)
        if answer.status != HTTPStatus.OK:
            raise _make_refusal("GET", answer.status)
        digest = await _digest(answer, len(stored))
    if not hmac.compare_digest(digest, hashlib.sha256(stored).digest()):
        raise BackupEdgeError(Reason.of(R.OFFSITE_DIFFERS))
    return NO_REASON


async def _digest(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """The digest of the body; one that is too long is read no further."""
    digest, read_bytes = hashlib.sha256(), 0
    async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
        digest.update(chunk)
        read_bytes += len(chunk)
        if read_bytes > most_bytes:
            break
    return digest.digest()


def _make_refusal(method: str, status: int) -> BackupEdgeError:
    return BackupEdgeError(Reason.of(R.OFFSITE_REFUSED, method=method, status=status))
