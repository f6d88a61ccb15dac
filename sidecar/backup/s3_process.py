"""``python -I s3_process.py``: put one backup into a bucket, read it again, then exit.

The client of S3 takes memory that the watchdog does not have, and it blocks: so each
backup has a process of its own that can be killed. On stdin it reads a line of JSON
(``endpoint``, ``region``, ``bucket``, ``key``, ``access_key``, ``secret_key``), then
the bytes of the backup. It prints an answer: ``outcome`` (``equal``, ``not_compared``,
``differs``, ``refused``, ``unreachable``, ``no_library``) and ``error_code``: the
code of an error or its class, never its text, which can quote the request.
"""

import hashlib
import io
import json
import signal
import ssl
import sys
from typing import Any
from urllib.parse import urlsplit

_LIFETIME_S = 330
_CONNECT_TIMEOUT_S = 15.0
_READ_TIMEOUT_S = 60.0
_CHUNK_BYTES = 64 * 1024
_NOT_READABLE = frozenset({"AccessDenied", "AllAccessDisabled", "MethodNotAllowed"})


def main() -> int:
    """Read the request and the backup, send it, print the answer; always returns 0."""
    # The parent process may end before it can kill this one.
    signal.alarm(_LIFETIME_S)
    request = json.loads(sys.stdin.buffer.readline())
    outcome, error_code = _send(request, sys.stdin.buffer.read())
    sys.stdout.write(json.dumps({"outcome": outcome, "error_code": error_code}))
    return 0


def _send(request: dict[str, str], stored: bytes) -> tuple[str, str]:
    try:
        import minio  # noqa: PLC0415
        import urllib3  # noqa: PLC0415
    except ImportError:
        return "no_library", ""
    try:
        client = _open_client(request)
        client.put_object(
            request["bucket"], request["key"], io.BytesIO(stored), len(stored)
        )
        return _compare(client, request, stored)
    except minio.error.S3Error as error:
        return "refused", str(error.code)
    except (minio.error.MinioException, urllib3.exceptions.HTTPError) as error:
        return "unreachable", type(error).__name__
    except (OSError, ValueError) as error:
        return "refused", type(error).__name__


def _open_client(request: dict[str, str]) -> Any:  # noqa: ANN401 - an optional library
    import minio  # noqa: PLC0415
    import urllib3  # noqa: PLC0415

    endpoint = urlsplit(request["endpoint"])
    return minio.Minio(
        endpoint=endpoint.netloc,
        access_key=request["access_key"],
        secret_key=request["secret_key"],
        secure=endpoint.scheme == "https",
        region=request["region"],
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S),
            retries=urllib3.Retry(total=2, backoff_factor=0.5),
            # The library brings authorities of its own; an operator's is not there.
            ssl_context=ssl.create_default_context(),
        ),
    )


def _compare(
    client: Any,  # noqa: ANN401
    request: dict[str, str],
    stored: bytes,
) -> tuple[str, str]:
    import minio  # noqa: PLC0415

    try:
        answer = client.get_object(request["bucket"], request["key"])
    except minio.error.S3Error as error:
        if error.code in _NOT_READABLE:
            return "not_compared", str(error.code)
        raise
    try:
        digest, read_bytes = hashlib.sha256(), 0
        for chunk in answer.stream(_CHUNK_BYTES):
            digest.update(chunk)
            read_bytes += len(chunk)
            if read_bytes > len(stored):
                break
    finally:
        answer.close()
    is_equal = digest.digest() == hashlib.sha256(stored).digest()
    return ("equal", "") if is_equal else ("differs", "")


if __name__ == "__main__":
    sys.exit(main())
