"""Answers and refusals: JSON for programs, HTML for the page."""

import hashlib
import re
from collections.abc import Mapping

import msgspec
from aiohttp import web

from sidecar.api_types.health import ErrorAnswer
from sidecar.core.text.printable import on_one_line

_ANY_ETAG = "*"
_OWN_PAGE = re.compile(r"/(incidents/[0-9A-Za-z]{26})?")

HTML_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    # With no-referrer, browsers send "Origin: null" with the forms of our own pages.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of all pages."""


class RequestRefused(Exception):
    """A refused request; ``error`` tells the client why.

    ``retry_after_s``: after how many seconds it may be accepted; None: not known.
    """

    def __init__(
        self, status: int, error: str, *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.retry_after_s = retry_after_s


def encode_json(value: msgspec.Struct) -> bytes:
    """The value in JSON."""
    return msgspec.json.encode(value, enc_hook=_without_nesting)


def json_response(value: msgspec.Struct, status: int = 200) -> web.Response:
    """A JSON response that nobody may cache."""
    return json_body_response(encode_json(value), status)


def json_body_response(body: bytes, status: int = 200) -> web.Response:
    """The same, of a value that was encoded before."""
    return web.Response(
        body=body,
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


def error_response(status: int, error: str) -> web.Response:
    """A JSON response with an error, which may quote the request."""
    return json_response(ErrorAnswer(error=on_one_line(error)), status)


def refusal_response(refusal: RequestRefused) -> web.Response:
    """The JSON response to a refused request."""
    response = error_response(refusal.status, refusal.error)
    add_retry_after(response, refusal)
    return response


def add_retry_after(response: web.Response, refusal: RequestRefused) -> None:
    """Say in the answer when a refused request may be accepted, where known."""
    if refusal.retry_after_s is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_s)


def html_response(page: str, status: int = 200) -> web.Response:
    """A page that nobody may cache and no frame may show.

    Its scripts, styles, images and connections are those of this server alone.
    """
    return web.Response(
        text=page, status=status, content_type="text/html", headers=HTML_HEADERS
    )


def see_other(page: str) -> web.Response:
    """Send a browser to a page of ours after its form; elsewhere it goes to ``/``."""
    location = page if _OWN_PAGE.fullmatch(page) is not None else "/"
    headers = {"Location": location, "Cache-Control": "no-store"}
    return web.Response(status=303, headers=headers)


def _without_nesting(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
