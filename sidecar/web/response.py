"""Answers and refusals, always JSON."""

import hashlib
from collections.abc import Mapping

import msgspec
from aiohttp import web

from sidecar.api_types.health import ErrorAnswer
from sidecar.core.text.printable import on_one_line

_ANY_ETAG = "*"


class RequestRefused(Exception):
    """A refused request; ``error`` tells the client why."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


def json_response(value: msgspec.Struct, status: int = 200) -> web.Response:
    """A JSON response that nobody may cache."""
    return web.Response(
        body=msgspec.json.encode(value, enc_hook=_without_nesting),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )


def cacheable_response(
    request: web.Request, body: bytes, content_type: str, max_age_s: int
) -> web.Response:
    """A response that anybody may keep for ``max_age_s``; 304 if the client has it.

    A browser that opens it as a page loads and runs nothing.
    """
    tag = hashlib.blake2b(body, digest_size=12).hexdigest()
    headers = {
        "Cache-Control": f"public, max-age={max_age_s}",
        "ETag": f'"{tag}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
    known_tags = {etag.value for etag in request.if_none_match or ()}
    if known_tags & {tag, _ANY_ETAG}:
        return web.Response(status=304, headers=headers)
    return web.Response(
        body=body, content_type=content_type, charset="utf-8", headers=headers
    )


def cacheable_json(
    request: web.Request, answer: msgspec.Struct, max_age_s: int
) -> web.Response:
    """A JSON response that anybody may keep for ``max_age_s``."""
    body = msgspec.json.encode(answer)
    return cacheable_response(request, body, "application/json", max_age_s)


def error_response(status: int, error: str) -> web.Response:
    """A JSON response with an error, which may quote the request."""
    return json_response(ErrorAnswer(error=on_one_line(error)), status)


def _without_nesting(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
