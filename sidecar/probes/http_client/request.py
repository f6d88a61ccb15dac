"""An HTTP request and its encoding."""

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from aiohttp.abc import ResolveResult
from yarl import URL

from sidecar.core.model.probe_settings import Credentials
from sidecar.probes.http_client.response import BODY_LIMIT_BYTES

_ENDPOINTS_KEPT = 16_384
"""More than the targets that one Sidecar watches: else none would be found again."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Request(NamedTuple):
    """One request. ``credentials`` are sent at once, without a challenge.

    ``addresses``: of the URL's host, if already resolved.
    ``body_limit_bytes``: the part of the answer's body that is kept.
    ``ca_file``: the authority to trust instead of the system's.
    """

    method: str
    url: str
    credentials: Credentials | None = None
    headers: Mapping[str, str] | None = None
    body: bytes | None = None
    addresses: Sequence[ResolveResult] | None = None
    body_limit_bytes: int = BODY_LIMIT_BYTES
    ca_file: str | None = None


class Endpoint(NamedTuple):
    """A parsed URL; ``place`` is its host and port for display."""

    host: str
    port: int
    tls: bool
    host_header: str
    path: str
    place: str


@lru_cache(_ENDPOINTS_KEPT)
def parse_endpoint(url: str) -> Endpoint:
    """The parts of a URL. ValueError if it names no host."""
    parts = URL(url)
    host, port = parts.raw_host, parts.port
    if host is None or port is None:
        raise ValueError(f"{url} names no host")
    host_text = f"[{host}]" if ":" in host else host
    usual = port == _DEFAULT_PORTS[parts.scheme]
    return Endpoint(
        host,
        port,
        parts.scheme == "https",
        host_text if usual else f"{host_text}:{port}",
        parts.raw_path_qs,
        f"{parts.host}:{port}",
    )


def write_request(request: Request, address: Endpoint) -> bytes:
    """The bytes of a request, to be sent in one piece.

    A server with one thread would wait for the rest of a divided request.
    """
    headers = {
        "host": f"Host: {address.host_header}",
        "accept-encoding": "Accept-Encoding: identity",
        "user-agent": "User-Agent: sidecar",
    }
    for name, value in (request.headers or {}).items():
        headers[name.lower()] = f"{name}: {value}"
    if request.credentials is not None:
        headers["authorization"] = (
            f"Authorization: {_basic_credentials(request.credentials)}"
        )
    if request.body is not None:
        headers["content-length"] = f"Content-Length: {len(request.body)}"
    headers["connection"] = "Connection: close"
    if any("\r" in line or "\n" in line for line in headers.values()):
        raise ValueError("a header holds a line break")
    head = (f"{request.method} {address.path} HTTP/1.1", *headers.values(), "", "")
    return "\r\n".join(head).encode() + (request.body or b"")


def _basic_credentials(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
