"""Sends a backup to a bucket of S3, in a process of its own."""

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from sidecar.core.backup.edges import BackupEdgeError
from sidecar.core.model.backup_settings import OffsiteSettings
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import NO_REASON, Reason
from sidecar.core.text.printable import on_one_line

_ANYWHERE_ELSE = "/"
"""The state directory is writable: no code may be loaded from there."""
_COMMAND = (sys.executable, "-I", str(Path(__file__).with_name("s3_process.py")))
_PASSED_ON = frozenset({"PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR"})
_LONGEST_WORDS = 100


class _Answer(msgspec.Struct):
    outcome: Literal[
        "equal", "not_compared", "differs", "refused", "unreachable", "no_library"
    ]
    error_code: str


async def send_to_bucket(
    place: OffsiteSettings, name: str, stored: bytes, deadline_s: float
) -> Reason:
    """Send a backup, read it again and compare the digests.

    NO_REASON: they are equal; else the reason why the bucket let nobody compare.
    BackupEdgeError; its reason shows no key.
    """
    try:
        async with asyncio.timeout(deadline_s):
            answer = await _ask_process(_request(place, name) + stored)
    except TimeoutError as error:
        problem = f"no answer within {deadline_s:.0f} s"
        raise BackupEdgeError(Reason.of(R.OFFSITE_UNREACHABLE, said=problem)) from error
    except (OSError, msgspec.MsgspecError) as error:
        problem = "the sending process ended without an answer"
        raise BackupEdgeError(Reason.of(R.OFFSITE_UNREACHABLE, said=problem)) from error
    return _judge(answer)


def _request(place: OffsiteSettings, name: str) -> bytes:
    bucket = urlsplit(place.url)
    folder = bucket.path.strip("/")
    request = {
        "endpoint": place.endpoint or "",
        "region": place.region,
        "bucket": bucket.netloc,
        "key": f"{folder}/{name}" if folder else name,
        "access_key": place.username or "",
        "secret_key": place.password or "",
    }
    return json.dumps(request).encode() + b"\n"


async def _ask_process(request: bytes) -> _Answer:
    """The answer of a process; it is killed on a timeout and on cancellation."""
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k.upper() in _PASSED_ON},
        cwd=_ANYWHERE_ELSE,
    )
    try:
        output, _ = await process.communicate(request)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return msgspec.json.decode(output, type=_Answer)


def _judge(answer: _Answer) -> Reason:
    code = on_one_line(answer.error_code)[:_LONGEST_WORDS]
    match answer.outcome:
        case "equal":
            return NO_REASON
        case "not_compared":
            return Reason.of(R.OFFSITE_BUCKET_NOT_COMPARED, said=code)
        case "differs":
            raise BackupEdgeError(Reason.of(R.OFFSITE_DIFFERS))
        case "refused":
            raise BackupEdgeError(Reason.of(R.OFFSITE_BUCKET_REFUSED, said=code))
        case "no_library":
            raise BackupEdgeError(Reason.of(R.OFFSITE_NO_LIBRARY))
        case "unreachable":
            raise BackupEdgeError(Reason.of(R.OFFSITE_UNREACHABLE, said=code))
