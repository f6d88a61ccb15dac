"""The body of a request as a typed value."""

from typing import TypeVar

import msgspec
from aiohttp import web

from sidecar.web.response import RequestRefused

_Body = TypeVar("_Body", bound=msgspec.Struct)


async def read_body(request: web.Request, kind: type[_Body]) -> _Body:
    """The body of a request; no body is an empty object. RequestRefused."""
    raw = await request.read()
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise RequestRefused(400, f"the body cannot be used: {fault}") from fault
